"""Hostile Markdown renders only to the tags, attributes and URLs that ordinary Markdown produces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.markdown.rendering import render_markdown
from tests.error_notes import error_note
from tests.hostile import HOSTILE, LINK_FORMS, SCRIPT_ADDRESSES
from tests.rendering.parsed_html import ParsedHtml


def test_hostile_markdown_renders_to_safe_html() -> None:
    for source in HOSTILE:
        for text in (source, f"before\n\n{source}\n\nafter", f"> - {source}", f"**{source}**"):
            with error_note(text):
                assert ParsedHtml(render_markdown(text)).unsafe == []


@pytest.mark.parametrize("form", LINK_FORMS)
def test_links_only_use_http_and_mailto(form: str) -> None:
    for address in SCRIPT_ADDRESSES:
        with error_note(address):
            page = ParsedHtml(render_markdown(form.format(address)))
            assert page.unsafe == []
            targets = [link["href"] or "" for link in page.links() if "href" in link]
            assert all(target.startswith(("#fn", "http:javascript")) for target in targets)


@pytest.mark.parametrize("tag", ["script", "img", "svg", "iframe", "style", "b", "marquee"])
def test_raw_html_is_shown_as_text(tag: str) -> None:
    for source in (f"see <{tag} a='1'> here", f"<{tag} a='1'>\nx & y\n</{tag}>"):
        page = ParsedHtml(render_markdown(source))
        assert page.text.split() == source.split()
        assert {element for element, _ in page.elements} <= {"p", "br"}


def test_an_image_becomes_a_link() -> None:
    page = ParsedHtml(render_markdown("![a *cat*](https://example.com/cat.png 'its title')"))
    assert [element for element, _ in page.elements] == ["p", "a", "em"]
    assert page.links()[0]["href"] == "https://example.com/cat.png"
    assert page.links()[0]["title"] == "its title"
    assert page.links()[0]["class"] == "image"
    assert page.text.strip() == "a cat"


MARKS = (
    "<",
    ">",
    "[",
    "]",
    "(",
    ")",
    "!",
    "`",
    "*",
    "_",
    "~~",
    "|",
    "- ",
    "> ",
    "# ",
    '"',
    "'",
    "&",
    ";",
    ":",
    "=",
    "\\",
)
PARTS = (
    "<script>",
    "javascript:",
    "https://x.y",
    "a@b.cc",
    "[^1]",
    "[^1]: ",
    "```",
    "|-|",
    "<!--",
    "&#58;",
    "onclick=",
    "$",
    "$$",
    "\\(",
    "\\)",
    "\\[",
    "\\]",
    "[x] ",
)
markdown_pieces = st.sampled_from([*MARKS, *PARTS, "\n", "\n\n", "\t", "\0"])


@given(st.lists(markdown_pieces | st.text(max_size=3), max_size=40).map("".join))
def test_generated_markdown_renders_to_safe_html(source: str) -> None:
    assert ParsedHtml(render_markdown(source)).unsafe == []
