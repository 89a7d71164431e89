"""Detects whether user or model text runs, loads something or becomes markup of the page."""

from __future__ import annotations

from playwright.sync_api import Dialog, Page

from tests.pages.browsing import record_browser_errors

REPORT_POLICY_VIOLATIONS = """
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sample }) =>
  console.error(`violates the policy: ${violatedDirective} ${blockedURI} ${sample}`));
"""
FIND_INJECTED_MARKUP = """() => {
  const found = [];
  const isOwn = (address) => new URL(address, location.href).origin === location.origin;
  const forbidden = ["iframe", "frame", "object", "embed", "applet", "base", "portal", "meta[http-equiv]",
    "style", "[srcdoc]"];
  const forbiddenInProse = ["script", "link", "meta", "form", "input:not([type=checkbox][disabled])", "textarea",
    "select", "img", "image", "video", "audio", "use", "animate", "set", "foreignObject", "marquee"];
  const ids = new Set();
  for (const element of document.querySelectorAll("*")) {
    const report = (what) => found.push(`${what}: ${element.cloneNode(false).outerHTML?.slice(0, 200)}`);
    if (element.matches(forbidden.join()) || element.matches("script:not([src])")) report("a forbidden element");
    if (element.matches(".prose *") && element.matches(forbiddenInProse.join())) report("an element forbidden in text");
    for (const { name, value } of element.attributes) {
      if (name.startsWith("on") || name.startsWith("hx-on")) report(`the attribute ${name}`);
      if (name === "style" && /url|expression|behavior/i.test(value)) report("a style");
      if (name === "style" && element.matches(".prose *") && /position|inset|float/i.test(value)) report("a style");
      if (name === "id" && ids.size === ids.add(value).size) report("a duplicate id");
      if (/^(src|srcset|data|poster|background|ping|manifest|action|formaction|cite)$/.test(name) && !isOwn(value)) {
        report(`the attribute ${name}`);
      }
      if (/href$/.test(name) && URL.canParse(value, location.href)) {
        if (!/^(https?|mailto):/.test(new URL(value, location.href).protocol)) report("a link");
      }
    }
  }
  return found;
}"""


class InjectionDetector:
    """Watches a page for injected code and markup. Create it before the page is opened."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.browser_errors = record_browser_errors(page)
        """Errors, violations of the content security policy and requests to other hosts."""
        self.dialogs: list[str] = []
        """Dialogs that opened: the hostile inputs call `alert` if they run."""
        page.add_init_script(REPORT_POLICY_VIOLATIONS)
        page.on("dialog", self._handle_dialog)

    def _handle_dialog(self, dialog: Dialog) -> None:
        if dialog.type == "beforeunload":
            dialog.accept()
        else:
            self.dialogs.append(f"{dialog.type}: {dialog.message}")
            dialog.dismiss()

    def injected_markup(self) -> list[str]:
        """Returns the elements and attributes of the current page that cannot come from the product."""
        found: list[str] = self.page.evaluate(FIND_INJECTED_MARKUP)
        return found

    def check(self) -> None:
        found = [*self.injected_markup(), *self.browser_errors, *self.dialogs]
        assert not found, "\n".join(found)
