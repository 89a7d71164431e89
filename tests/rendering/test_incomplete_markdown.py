"""Incomplete Markdown is rendered as it will probably look when complete, so that streaming text does not change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.rendering.node_renderer import render_in_node
from tests.rendering.sample_answers import SAMPLE_ANSWERS

pytestmark = pytest.mark.requires_node
PARAGRAPHS = {
    "It is **bo": "It is <strong>bo</strong>",
    "It is **": "It is",
    "It is *": "It is",
    "**bold*": "<strong>bold</strong>",
    "**a *b": "<strong>a <em>b</em></strong>",
    "***both": "<em><strong>both</strong></em>",
    "**中文": "<strong>中文</strong>",
    "x **`code": "x <strong><code>code</code></strong>",
    "a `co": "a <code>co</code>",
    "a `": "a",
    "a ~~go": "a <s>go</s>",
    "see [the gui": "see the gui",
    "see [the guide]": "see the guide",
    "2 * 3": "2 * 3",
    "5*3 is": "5*3 is",
    "snake_case": "snake_case",
    "text\n-": "text",
    "text\n1": "text",
    "a\n\n**": "a",
    "| a | b |": "",
    "| a | b |\n|--": "",
}
PARTIAL_BLOCK_MARKERS = ["# ", "```", "```py", "- [ ", "- [x]", "> ", "1.", "*", "---", "=="]


def test_incomplete_inline_markup_is_closed_or_omitted(tmp_path: Path) -> None:
    rendered = render_in_node(list(PARAGRAPHS), tmp_path, "open")
    found = [re.sub(r"^<p>|</p>\n$", "", html.replace("</p>\n<p>", "")) for html in rendered]
    assert dict(zip(PARAGRAPHS, found, strict=True)) == PARAGRAPHS


def test_an_incomplete_link_shows_its_text_and_uses_the_url_so_far(tmp_path: Path) -> None:
    sources = ["[the guide](https://a.example/x", '[the guide](https://a.example/x "its ti', "<https://a.example/x"]
    for html in render_in_node(sources, tmp_path, "open"):
        assert html.startswith('<p><a href="https://a.example/x"')
        assert "(" not in html


def test_a_partial_block_marker_is_not_shown(tmp_path: Path) -> None:
    assert set(render_in_node(PARTIAL_BLOCK_MARKERS, tmp_path, "open")) <= {"", "<p></p>\n"}


def test_no_prefix_of_an_answer_shows_markup_characters(tmp_path: Path) -> None:
    text = SAMPLE_ANSWERS[0]
    rendered = render_in_node([text[:size] for size in range(1, len(text) + 1)], tmp_path, "open")
    shown = [re.sub(r"<[^>]*>", "", html) for html in rendered]
    assert [one for one in shown if re.search(r"\*|`|^1\.$", one)] == []
