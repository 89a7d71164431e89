"""The page and the server render Markdown with different libraries to the same HTML."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conversations.markdown import rendering
from conversations.markdown.rendering import render_markdown
from tests.programs import NODE_MODULES
from tests.rendering.node_renderer import render_in_node
from tests.rendering.sample_answers import SAMPLE_ANSWERS

pytestmark = pytest.mark.requires_node
EXAMPLE = re.compile(r"^`{32} example\n(.*?)^\.\n.*?^`{32}$", re.MULTILINE | re.DOTALL)
ATTRIBUTE = re.compile(r'[\w-]+="[^"]*"')
TAG = re.compile(r'<(\w+)((?: [\w-]+="[^"]*")+)>')
ACCEPTED_DIFFERENCES: dict[int, str] = {}
"""By the number of the example in the specification."""


def spec_examples() -> list[str]:
    spec = (NODE_MODULES / "commonmark-spec" / "spec.txt").read_text().split("<!-- END TESTS -->")[0]
    return [source.replace("→", "\t") for source in EXAMPLE.findall(spec)]


def normalized(html: str) -> str:
    """Returns the HTML cleaned as on the server, with sorted attributes and without newlines between blocks."""

    def with_sorted_attributes(tag: re.Match[str]) -> str:
        return f"<{tag[1]} {' '.join(sorted(ATTRIBUTE.findall(tag[2])))}>"

    return re.sub(r">\n+(?=<|$)", ">", TAG.sub(with_sorted_attributes, rendering._cleaner.clean(html)))


def differences(sources: list[str], folder: Path) -> dict[int, tuple[str, str, str]]:
    """Returns the source, the page's HTML and the server's HTML where they differ, by number from 1."""
    live = render_in_node(sources, folder)
    pairs = zip(sources, live, map(render_markdown, sources), strict=True)
    return {
        number: (source, normalized(page), normalized(server))
        for number, (source, page, server) in enumerate(pairs, 1)
        if normalized(page) != normalized(server)
    }


def test_commonmark_examples_render_the_same_in_the_page_and_on_the_server(tmp_path: Path) -> None:
    examples = spec_examples()
    assert len(examples) > 640
    found = differences(examples, tmp_path)
    assert {number: found[number] for number in found if number not in ACCEPTED_DIFFERENCES} == {}
    assert set(ACCEPTED_DIFFERENCES) <= set(found), "an accepted difference no longer exists"


def test_sample_answers_render_the_same_in_the_page_and_on_the_server(tmp_path: Path) -> None:
    assert differences(SAMPLE_ANSWERS, tmp_path) == {}


def test_the_comparison_finds_a_difference(tmp_path: Path) -> None:
    [(_, page, server)] = differences(["a[^1]\n\n[^1]: footnotes are the server's alone"], tmp_path).values()
    assert 'class="footnotes"' in server
    assert 'class="footnotes"' not in page
