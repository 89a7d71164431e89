"""Rendering is safe in several threads at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from conversations.markdown.rendering import render_markdown

SOURCE = "~~gone~~ and www.example.com and a@example.com | x\n\n" * 20


@pytest.mark.slow
def test_rendering_in_parallel_gives_the_same_html() -> None:
    alone = render_markdown(SOURCE)
    with ThreadPoolExecutor(8) as threads:
        rendered = list(threads.map(render_markdown, [SOURCE] * 100))
    assert set(rendered) == {alone}
