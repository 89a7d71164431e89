"""Notices whether anything that somebody wrote runs, loads something, or becomes a part of the page."""

from __future__ import annotations

from playwright.sync_api import Dialog, Page

from tests.pages.browsing import listen_for_complaints

TELL_OF_VIOLATIONS = """
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sample }) =>
  console.error(`violates the policy: ${violatedDirective} ${blockedURI} ${sample}`));
"""
FIND_INTRUDERS = """() => {
  const found = [];
  const isOwn = (address) => new URL(address, location.href).origin === location.origin;
  const never = ["iframe", "frame", "object", "embed", "applet", "base", "portal", "meta[http-equiv]",
    "style", "[srcdoc]"];
  const neverInText = ["script", "link", "meta", "form", "input:not([type=checkbox][disabled])", "textarea", "select",
    "img", "image", "video", "audio", "use", "animate", "set", "foreignObject", "marquee"];
  const ids = new Set();
  for (const element of document.querySelectorAll("*")) {
    const tell = (what) => found.push(`${what}: ${element.cloneNode(false).outerHTML?.slice(0, 200)}`);
    if (element.matches(never.join()) || element.matches("script:not([src])")) tell("an element that is never there");
    if (element.matches(".prose *") && element.matches(neverInText.join())) tell("an element that no text has");
    for (const { name, value } of element.attributes) {
      if (name.startsWith("on") || name.startsWith("hx-on")) tell(`the attribute ${name}`);
      if (name === "style" && /url|expression|behavior/i.test(value)) tell("a style");
      if (name === "style" && element.matches(".prose *") && /position|inset|float/i.test(value)) tell("a style");
      if (name === "id" && ids.size === ids.add(value).size) tell("an id twice");
      if (/^(src|srcset|data|poster|background|ping|manifest|action|formaction|cite)$/.test(name) && !isOwn(value)) {
        tell(`the attribute ${name}`);
      }
      if (/href$/.test(name) && URL.canParse(value, location.href)) {
        if (!/^(https?|mailto):/.test(new URL(value, location.href).protocol)) tell("a link");
      }
    }
  }
  return found;
}"""


class Watch:
    """To be made before the page is opened."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints = listen_for_complaints(page)
        """Errors, violations of the policy and requests of other hosts."""
        self.ran: list[str] = []
        """Dialogs that opened: what the inputs do where they can."""
        page.add_init_script(TELL_OF_VIOLATIONS)
        page.on("dialog", self._opened)

    def _opened(self, dialog: Dialog) -> None:
        if dialog.type == "beforeunload":
            dialog.accept()
        else:
            self.ran.append(f"{dialog.type}: {dialog.message}")
            dialog.dismiss()

    def intruders(self) -> list[str]:
        """Elements and attributes of the page as it is now that cannot come from the product."""
        found: list[str] = self.page.evaluate(FIND_INTRUDERS)
        return found

    def check(self) -> None:
        found = [*self.intruders(), *self.complaints, *self.ran]
        assert not found, "\n".join(found)
