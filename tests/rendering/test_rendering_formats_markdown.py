"""The server renders CommonMark with GitHub's extensions."""

import pytest

from conversations.markdown.rendering import render_markdown
from tests.rendering.parsed_html import ParsedHtml


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("**bold** *it* ~~no~~ `a<b`", "<p><strong>bold</strong> <em>it</em> <s>no</s> <code>a&lt;b</code></p>\n"),
        ("# one\n###### six", "<h1>one</h1>\n<h6>six</h6>\n"),
        ("3. c\n4. d", '<ol start="3">\n<li>c</li>\n<li>d</li>\n</ol>\n'),
        ("> said", "<blockquote>\n<p>said</p>\n</blockquote>\n"),
        ("a\\\nb\n\n---", "<p>a<br>\nb</p>\n<hr>\n"),
        (
            "```python\nx = 1\n```",
            '<div class="code" data-language="python"><pre tabindex="0"><code class="language-python">'
            "x = 1\n</code></pre></div>\n",
        ),
        (
            "```c++ linenos\nx\n```",
            '<div class="code" data-language="c++"><pre tabindex="0"><code class="language-c++">'
            "x\n</code></pre></div>\n",
        ),
        ("    x", '<div class="code"><pre tabindex="0"><code>x\n</code></pre></div>\n'),
        ("1 < 2 & 3", "<p>1 &lt; 2 &amp; 3</p>\n"),
        ("", ""),
    ],
)
def test_commonmark_is_rendered_as_html(source: str, html: str) -> None:
    assert render_markdown(source) == html


def test_a_table_keeps_alignment_and_line_breaks() -> None:
    page = ParsedHtml(render_markdown("| a | b |\n|:-:|--:|\n| 1<br>2<BR/>3 | <i> |"))
    aligned = [attributes.get("align") for tag, attributes in page.elements if tag in ("th", "td")]
    assert aligned == ["center", "right"] * 2
    assert [tag for tag, _ in page.elements].count("br") == 2
    assert "<i>" in page.text


def test_task_checkboxes_show_their_state_and_are_disabled() -> None:
    page = ParsedHtml(render_markdown("- [x] done\n- [ ] open"))
    boxes = [attributes for tag, attributes in page.elements if tag == "input"]
    assert ["checked" in box for box in boxes] == [True, False]
    assert all(box["type"] == "checkbox" and "disabled" in box for box in boxes)


def test_a_task_checkbox_is_labeled_with_the_task() -> None:
    page = ParsedHtml(render_markdown("- [x] *call* `me` & <you>\n  $x$\n\n- [ ] rest"))
    assert [attributes["aria-label"] for tag, attributes in page.elements if tag == "input"] == [
        "call me & <you> $x$",
        "rest",
    ]
    assert "[" not in page.text


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("[x](https://example.com/a?b=1&c=2)", "https://example.com/a?b=1&c=2"),
        ("see https://example.com.", "https://example.com"),
        ("www.example.com", "http://www.example.com"),
        ("<https://example.com>", "https://example.com"),
        ("HTTPS://EXAMPLE.COM", "HTTPS://EXAMPLE.COM"),
        ("me@example.com", "mailto:me@example.com"),
        ("[x](https://example.com/あ)", "https://example.com/%E3%81%82"),
    ],
)
def test_links_open_in_a_new_tab_without_a_referrer(source: str, address: str) -> None:
    [link] = ParsedHtml(render_markdown(source)).links()
    assert link["target"] == "_blank"
    assert set((link["rel"] or "").split()) == {"noopener", "noreferrer", "nofollow"}
    assert link["href"] == address


@pytest.mark.parametrize("source", ["main.py", "see README.md", "example.com", "1.2.3.4", "//example.com", "a.b@c"])
def test_text_that_only_resembles_a_url_is_not_linked(source: str) -> None:
    assert ParsedHtml(render_markdown(source)).links() == []


@pytest.mark.parametrize("address", ["/admin", "../up", "?a=1", "#top", "page.html"])
def test_a_relative_url_gets_no_href(address: str) -> None:
    [link] = ParsedHtml(render_markdown(f"[x]({address})")).links()
    assert "href" not in link


def test_an_image_inside_a_link_keeps_the_link() -> None:
    page = ParsedHtml(render_markdown("[![build](https://a.example/badge.svg) status](https://b.example)"))
    assert [link["href"] for link in page.links()] == ["https://b.example"]
    assert page.text.strip() == "build status"


@pytest.mark.parametrize(
    "source", ["![](https://a.example/x.png)", "[![](https://a.example/x.png)](https://b.example)"]
)
def test_an_image_without_alt_text_shows_its_url(source: str) -> None:
    assert ParsedHtml(render_markdown(source)).text.strip() == "https://a.example/x.png"


def test_footnotes_link_to_the_note_and_back() -> None:
    page = ParsedHtml(render_markdown("a[^n] b[^n]\n\n[^n]: the note"))
    names = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    targets = {(link["href"] or "").removeprefix("#") for link in page.links()}
    assert targets == names
    assert all("target" not in link for link in page.links())


def test_footnotes_of_two_texts_have_different_ids() -> None:
    names = [
        {attributes["id"] for _, attributes in ParsedHtml(render_markdown(source)).elements if "id" in attributes}
        for source in ("a[^1]\n\n[^1]: x", "b[^1]\n\n[^1]: y")
    ]
    assert not names[0] & names[1]


def test_link_definitions_do_not_carry_over_to_another_text() -> None:
    assert ParsedHtml(render_markdown("[a]\n\n[a]: https://a.example")).links()
    assert render_markdown("[a][^1]") == "<p>[a][^1]</p>\n"


def test_many_references_to_one_footnote_are_not_counted_as_nesting() -> None:
    assert render_markdown("x[^1] " * 300 + "\n\n[^1]: y").count('href="#fn-') == 300


def test_nul_and_lone_surrogates_are_replaced() -> None:
    assert render_markdown("a\0b") == "<p>a\ufffdb</p>\n"
    assert render_markdown("a\ud800b") == "<p>a?b</p>\n"
