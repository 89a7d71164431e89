"""Texts are formatted while they stream, and the server's rendering replaces them in place."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from conversations.markdown.rendering import render_markdown
from tests.hostile import HOSTILE
from tests.modelserver import Gate, Part, done, finish, text, usage, wait_for
from tests.pages.browsing import Chat, ScriptedModel
from tests.rendering.parsed_html import ParsedHtml
from tests.rendering.sample_answers import SAMPLE_ANSWERS

CODE = "```python\n" + "".join(f"x_{n} = {n}  # line\n" for n in range(100))
STREAM_MARKDOWN = """
async ([source, size]) => {
  const { StreamingMarkdown } = await import("/static/conversations/streaming-markdown.js");
  await import("/static/conversations/markdown.js");
  const place = document.createElement("div");
  const live = new StreamingMarkdown(place);
  await new Promise((resolve) => setTimeout(resolve));
  performance.now = () => 0;  // draws every piece immediately
  for (let start = 0; start < source.length; start += size) {
    live.append(source.slice(start, start + size));
    live.draw();
  }
  live.finish();
  delete performance.now;
  place.querySelectorAll(".code-tools").forEach((tools) => tools.remove());
  for (const code of place.querySelectorAll(".code code:has(> .chunk)")) {
    code.textContent = [...code.children].map((chunk) => chunk.textContent).join("\\n");
  }
  return place.innerHTML;
}
"""
PARSE_HTML = """
(html) => {
  const place = document.createElement("div");
  place.append(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
  place.childNodes.forEach((node) => node instanceof Text && node.remove());
  return place.innerHTML;
}
"""


def ending_after(gate: Gate) -> list[Part]:
    return [wait_for(gate), finish(), usage(), done()]


def text_and_elements(html: str) -> list[object]:
    page = ParsedHtml(html)
    return [page.text.split(), *((tag, sorted(attributes.items(), key=str)) for tag, attributes in page.elements)]


def test_markup_is_formatted_before_it_is_closed(chat: Chat, model: ScriptedModel) -> None:
    gate = Gate()
    model.reply = [text("## The *sea*\n\nIt is **very de"), wait_for(gate), text("ep**."), finish(), usage(), done()]
    chat.ask("Tell me.")
    prose = chat.steps("text")
    expect(prose.locator("h2 em")).to_have_text("sea")
    expect(prose.locator("p strong")).to_have_text("very de")
    expect(prose).not_to_contain_text("*")
    gate.open()
    expect(prose.locator("p strong")).to_have_text("very deep")


def test_the_servers_rendering_keeps_identical_elements(chat: Chat, page: Page, model: ScriptedModel) -> None:
    gate = Gate()
    model.reply = [
        text(f"One *word*.\n\n{CODE}```\n\n| a |\n|-|\n| b |\n\nMore[^1].\n\n[^1]: Noted."),
        *ending_after(gate),
    ]
    chat.ask("Tell me.")
    prose = chat.steps("text")
    expect(prose.locator("td")).to_have_text("b")
    expect(prose.locator(".hljs-number").first).to_be_visible()
    prose.evaluate("text => [...text.children].forEach((one) => (one.wasLive = true))")
    gate.open()
    expect(prose.locator(".footnotes li")).to_contain_text("Noted.")
    kept = prose.evaluate("text => [...text.children].filter((one) => one.wasLive).map((one) => one.tagName)")
    assert kept[:3] == ["P", "DIV", "DIV"]
    expect(prose.locator(".hljs-number").first).to_be_visible()


def test_code_blocks_have_a_language_colors_and_buttons(chat: Chat, page: Page, model: ScriptedModel) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    model.reply = [text(f"{CODE}```\n"), finish(), usage(), done()]
    chat.ask("Code!")
    block = chat.steps("text").locator(".code")
    expect(block).to_have_attribute("data-language", "python")
    expect(block.locator(".hljs-comment").last).to_have_text("# line")
    assert block.locator("code").inner_text().splitlines() == CODE.splitlines()[1:]
    block.get_by_role("button", name="Copy").click()
    expect(block.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == CODE.removeprefix("```python\n")
    wrap = block.get_by_role("button", name="Wrap")
    wrap.click()
    expect(wrap).to_have_attribute("aria-pressed", "true")
    assert block.locator("code").evaluate("code => getComputedStyle(code).whiteSpaceCollapse") == "preserve"


def test_formulas_are_rendered_live_and_after_a_reload(chat: Chat, page: Page, model: ScriptedModel) -> None:
    gate = Gate()
    model.reply = [text("So $a_1$ is\n\n$$\n\\frac{1}{2}\n$$\n\nand \\(x\\) $5.\n"), *ending_after(gate)]
    chat.ask("Reckon.")
    prose = chat.steps("text")
    expect(prose.locator("div.math mfrac")).to_have_count(1)
    expect(prose.locator("span.math math")).to_have_count(2)
    gate.open()
    expect(chat.answer).to_have_attribute("data-status", "complete")
    page.reload()
    expect(chat.steps("text").locator("div.math mfrac")).to_have_count(1)
    expect(chat.steps("text").locator("span.math math")).to_have_count(2)


def test_links_open_in_a_new_tab_and_images_are_links(chat: Chat, model: ScriptedModel) -> None:
    gate = Gate()
    model.reply = [
        text("[a](https://a.example) ![b](https://b.example/x.png) [c](javascript:alert(1))\n\nEnd"),
        *ending_after(gate),
    ]
    chat.ask("Links.")
    links = chat.steps("text").locator("a")
    expect(links).to_have_count(2)
    for link in links.all():
        expect(link).to_have_attribute("target", "_blank")
        expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    expect(chat.steps("text").locator("img")).to_have_count(0)
    gate.open()


def test_without_npm_packages_a_text_is_plain_until_it_is_complete(model: ScriptedModel, page: Page) -> None:
    gate = Gate()
    page.route("**/npm/**", lambda route: route.abort())
    page.goto("/")
    chat = Chat(page)
    model.reply = [text("It is **so**."), *ending_after(gate)]
    chat.ask("Tell me.")
    expect(chat.steps("text")).to_have_text("It is **so**.")
    gate.open()
    expect(chat.steps("text").locator("strong")).to_have_text("so")


def test_a_streamed_text_ends_up_as_the_servers_rendering(chat: Chat, page: Page) -> None:
    """Except for definitions that follow their use, which only the server resolves."""
    many = (
        "".join(f"- item **{n}**\n" for n in range(400))
        + "\n| n |\n|--|\n"
        + "".join(f"| `{n}` |\n" for n in range(600))
    )
    for source in [*(one for one in SAMPLE_ANSWERS if "\n[1]:" not in one), many]:
        server = page.evaluate(PARSE_HTML, render_markdown(source))
        for size in (1, 7, 100) if len(source) < 1_000 else (50,):
            live = page.evaluate(STREAM_MARKDOWN, [source, size])
            assert text_and_elements(live) == text_and_elements(server), (size, source)


def test_hostile_texts_are_safe_while_they_stream(chat: Chat, page: Page, browser_errors: list[str]) -> None:
    for source in HOSTILE:
        if "\ud800" not in source:
            assert ParsedHtml(page.evaluate(STREAM_MARKDOWN, [f"before\n\n{source}", 3])).unsafe == [], source
    assert not page.evaluate("Boolean(document.querySelector('.prose script, .prose img, .prose iframe'))")
