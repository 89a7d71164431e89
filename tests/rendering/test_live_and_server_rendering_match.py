"""What the page makes of a text while it streams is what the server makes of it: other library, same Markdown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conversations.markdown import rendering
from conversations.markdown.rendering import render_markdown
from tests.programs import NODE_MODULES
from tests.rendering.answers import ANSWERS
from tests.rendering.live import render_as_the_page

pytestmark = pytest.mark.requires_node
EXAMPLE = re.compile(r"^`{32} example\n(.*?)^\.\n.*?^`{32}$", re.MULTILINE | re.DOTALL)
ATTRIBUTE = re.compile(r'[\w-]+="[^"]*"')
TAG = re.compile(r'<(\w+)((?: [\w-]+="[^"]*")+)>')
CHOSEN_DIFFERENCES: dict[int, str] = {}
"""By the number of the specification's example."""


def spec_examples() -> list[str]:
    spec = (NODE_MODULES / "commonmark-spec" / "spec.txt").read_text().split("<!-- END TESTS -->")[0]
    return [source.replace("→", "\t") for source in EXAMPLE.findall(spec)]


def normal(html: str) -> str:
    """Cleaned as the server cleans it, with attributes in order, and without the line ends between blocks."""

    def in_order(tag: re.Match[str]) -> str:
        return f"<{tag[1]} {' '.join(sorted(ATTRIBUTE.findall(tag[2])))}>"

    return re.sub(r">\n+(?=<|$)", ">", TAG.sub(in_order, rendering._cleaner.clean(html)))


def differences(sources: list[str], folder: Path) -> dict[int, tuple[str, str, str]]:
    """By their number from 1: the source, what the page makes of it, and what the server does."""
    live = render_as_the_page(sources, folder)
    pairs = zip(sources, live, map(render_markdown, sources), strict=True)
    return {
        number: (source, normal(page), normal(server))
        for number, (source, page, server) in enumerate(pairs, 1)
        if normal(page) != normal(server)
    }


def test_commonmark_examples_render_the_same_in_the_page_and_on_the_server(tmp_path: Path) -> None:
    examples = spec_examples()
    assert len(examples) > 640
    found = differences(examples, tmp_path)
    assert {number: found[number] for number in found if number not in CHOSEN_DIFFERENCES} == {}
    assert set(CHOSEN_DIFFERENCES) <= set(found), "some differences are none any more"


def test_sample_answers_render_the_same_in_the_page_and_on_the_server(tmp_path: Path) -> None:
    assert differences(ANSWERS, tmp_path) == {}


def test_the_comparison_finds_a_difference(tmp_path: Path) -> None:
    [(_, page, server)] = differences(["a[^1]\n\n[^1]: footnotes are the server's alone"], tmp_path).values()
    assert 'class="footnotes"' in server
    assert 'class="footnotes"' not in page
