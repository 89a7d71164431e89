"""Slow, deeply nested and huge texts are formatted within limits, or shown as their source."""

import threading
import time
from collections.abc import Callable

import pytest

from conversations.markdown.parser import MAX_DEPTH, MAX_INLINE, MAX_RENDERED
from conversations.markdown.rendering import MAX_SOURCE, render_markdown
from tests.rendering.parsed_html import ParsedHtml

SMALL_STACK = 256 * 1024


def max_nesting(html: str) -> int:
    """Returns the maximum number of elements open at once, without void elements."""
    depth = most = 0
    for part in html.split("<")[1:]:
        name = part.split(">")[0].split(" ")[0]
        depth += -1 if name.startswith("/") else name not in ("br", "hr", "input")
        most = max(most, depth)
    return most


DEEP: list[Callable[[int], str]] = [
    lambda size: ">" * size,
    lambda size: "> " * size + "a",
    lambda size: "- " * size + "a",
    lambda size: "1. " * size + "a",
    lambda size: "*a " * size + " a*" * size,
    lambda size: "**a __b " * size + " b__ a**" * size,
    lambda size: "~~a ~b " * size + "b~ a~~" * size,
    lambda size: "[^1]: " * size + "a [^1]",
    lambda size: "[" * size + "a" + "](https://x.example)" * size,
    lambda size: "![" * size + "a" + "](https://x.example)" * size,
    lambda size: "".join(" " * 2 * level + "- a\n" for level in range(min(size, 400))),
]
LONG: list[Callable[[int], str]] = [
    lambda size: "[" * size,
    lambda size: "![" * size,
    lambda size: "[a](b" * size,
    lambda size: "<" * size,
    lambda size: "<a " * size,
    lambda size: "<!--" * size,
    lambda size: "&" * size,
    lambda size: "`a" * size,
    lambda size: "*_" * size,
    lambda size: "a@b.c " * size,
    lambda size: "https://a.b/(" * size,
    lambda size: "https://a.b/" + ")" * size,
    lambda size: "[^a]: x\n\n" + "[^a]" * size,
    lambda size: "\n" * size,
    lambda size: "a" * size,
]
COSTLY: list[Callable[[int], str]] = [
    lambda size: ("![" * 40 + "*a* " * 200 + "](x)" * 40 + "\n\n") * (size // 1_042),
    lambda size: ("[a " * 40 + "*a* " * 2_000 + "](x)" * 40 + "\n\n") * (size // 8_282),
    lambda size: ("[^" * 4_900 + "\n\n") * (size // 9_802) + "[^1]: x",
    lambda size: ("a://" * 2_400 + "\n\n") * (size // 9_602),
    lambda size: ("www." * 2_400 + "\n\n") * (size // 9_602),
    lambda size: "> " * 40 + "a\n" + "b\n" * (size // 2 - 41),
    lambda size: ("|a" * 255 + "\n" + "|-" * 255 + "\n" + "a\n" * 80 + "\n\n") * (size // 1_184),
    lambda size: "|a" * (size // 6) + "\n" + "|-" * (size // 6) + "\n" + "|b\n" * (size // 10),
    lambda size: "- [ ] a\n" * (size // 8),
    lambda size: "[a]: b\n" * (size // 7),
    lambda size: "[a]: " + "&" * (size // 3) + "\n\n" + "[a]\n\n" * (size // 10),
    lambda size: "$$a\n" * (size // 4),
]
ORDINARY = """## What it does

It calls `render()` **once** and *keeps* the result, see [the guide](https://a.example/guide) and https://b.example/x:

1. First, `parse` the text
   - with [links][1] and $x^2$
2. Then **render** it

| name | `value` |
|------|--------:|
| a    | **1**   |
| b    | *2*     |

```python
print("hello")
```

[1]: https://c.example

"""
MAX_SECONDS = 30
"""Processor time: these take under two seconds on a machine of 2020, and took minutes without the limits."""
SOURCE_BLOCK = '<div class="code"><pre tabindex="0"><code>'
MAX_HTML = 6 * MAX_RENDERED
"""A character becomes at most six in HTML."""


@pytest.mark.parametrize("make", DEEP)
def test_nesting_depth_is_limited(make: Callable[[int], str]) -> None:
    html = render_markdown(make(10_000))
    assert max_nesting(html) <= MAX_DEPTH + 4
    assert ParsedHtml(html).unsafe == []


@pytest.mark.parametrize("make", DEEP)
def test_ordinary_nesting_is_formatted(make: Callable[[int], str]) -> None:
    assert not render_markdown(make(6)).startswith(SOURCE_BLOCK)


@pytest.mark.parametrize("make", LONG)
def test_long_repetitions_render_to_safe_html(make: Callable[[int], str]) -> None:
    assert ParsedHtml(render_markdown(make(10_000))).unsafe == []


@pytest.mark.slow
@pytest.mark.parametrize("make", COSTLY)
def test_rendering_time_and_output_size_are_limited(make: Callable[[int], str]) -> None:
    source = make(MAX_SOURCE)
    assert MAX_SOURCE * 0.8 < len(source) <= MAX_SOURCE
    before = time.thread_time()
    html = render_markdown(source)
    assert time.thread_time() - before < MAX_SECONDS
    assert len(html) < MAX_HTML


def test_a_long_ordinary_text_is_formatted() -> None:
    html = render_markdown(ORDINARY * (MAX_SOURCE // len(ORDINARY)))
    assert html.count("<table>") == html.count("<h2>") == MAX_SOURCE // len(ORDINARY)


def test_rendering_works_with_a_small_stack() -> None:
    """A stack overflow would end the whole process."""
    rendered: list[str] = []

    def render_all() -> None:
        rendered.extend(render_markdown(make(20_000)) for make in (*DEEP, *LONG))

    before = threading.stack_size(SMALL_STACK)
    try:
        thread = threading.Thread(target=render_all)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert len(rendered) == len(DEEP) + len(LONG)


def test_a_text_over_the_maximum_length_is_shown_as_source() -> None:
    source = "<b> & *x*\n" * (MAX_SOURCE // 10 + 1)
    html = render_markdown(source)
    assert html.startswith(f"{SOURCE_BLOCK}&lt;b&gt; &amp; *x*\n")
    page = ParsedHtml(html)
    assert page.text.strip() == source.strip()
    assert page.unsafe == []


@pytest.mark.parametrize("form", ["{}", "# {}", "- [ ] {}", "|a|\n|-|\n|{}|", "x[^1]\n\n[^1]: {}"])
def test_a_paragraph_over_the_maximum_length_is_plain_text(form: str) -> None:
    words = "*a* " * (MAX_INLINE // 4)
    assert "<em>" in render_markdown(form.format(words[:-4]))
    html = render_markdown(form.format(words + "*a*"))
    assert "<em>" not in html
    assert words.strip() in ParsedHtml(html).text


def test_a_text_that_nests_too_deeply_is_shown_in_full() -> None:
    assert "the core" in render_markdown("> " * (MAX_DEPTH - 1) + "the core")
    for levels in range(MAX_DEPTH, MAX_DEPTH + 3):
        html = render_markdown("> " * levels + "the core")
        assert html.startswith(SOURCE_BLOCK)
        assert "the core" in html
