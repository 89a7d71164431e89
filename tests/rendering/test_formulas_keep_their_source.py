"""TeX formulas keep their source with the delimiters, and amounts of money are not formulas."""

import html
import re

import pytest

from conversations.markdown.rendering import render_markdown
from tests.error_notes import error_note
from tests.rendering.parsed_html import ParsedHtml


def formulas(source: str, element: str) -> list[str]:
    found = re.findall(rf'<{element} class="math">(.*?)</{element}>', render_markdown(source), re.DOTALL)
    return [html.unescape(one) for one in found]


@pytest.mark.parametrize(
    "formula",
    [
        "$x$",
        "$a_1 * b_2 * c_3$",
        "$x < y & y > \\{z\\}$",
        "$a \\$ b$",
        "$\\text{`code` and [a](b)}$",
        "$a\nb$",
        "$$a_b + c_d$$",
        "\\(a_b + c_d\\)",
        "\\((a)\\)",
        "\\[x\\\\y\\]",
        "\\[[1, 2]\\]",
        "$https://a.example$",
    ],
)
def test_an_inline_formula_keeps_its_source(formula: str) -> None:
    for form in ("so {} it is", "({}).", "**{}**", "- {}, as", "是{}的", "[{}](https://a.example)"):
        with error_note(form):
            assert formulas(form.format(formula), "span") == [formula]


@pytest.mark.parametrize(
    "formula",
    [
        "$$x$$",
        "$$\nx\n= y\n- z\n$$",
        "$$x\n# y$$",
        "\\[x\\]",
        "\\[\n\\begin{aligned}\na &= b \\\\\n> c\n\\end{aligned}\n\\]",
        "\\[ a\n| b |\n|---|\n\\]",
    ],
)
def test_a_formula_on_its_own_lines_becomes_a_block(formula: str) -> None:
    assert formulas(formula, "div") == [formula]
    assert formulas(f"before\n{formula}\nafter", "div") == [formula]
    assert formulas(f"- item\n\n  {formula.replace(chr(10), chr(10) + '  ')}\n", "div") == [formula]
    assert formulas(f"> {formula.replace(chr(10), chr(10) + '> ')}\n", "div") == [formula]


@pytest.mark.parametrize(
    "source",
    [
        "$5 and $6",
        "US$5 or US$6",
        "$5-$10",
        "$HOME:$PATH and $ x $",
        "\\$x\\$ and \\\\(y\\\\)",
        "$",
        "$$",
        "$$$$",
        "$x",
        "\\(x",
        "\\[x",
        "$$\nx\n\ny\n$$",
        "`$x$` and `\\(y\\)`",
        "```\n$$x$$\n```",
        "    \\[x\\]",
    ],
)
def test_text_that_is_not_a_formula_stays_unchanged(source: str) -> None:
    assert 'class="math"' not in render_markdown(source)


def test_unclosed_delimiters_lose_no_text() -> None:
    assert ParsedHtml(render_markdown("$$\nx\n\nrest")).text.split() == ["$$", "x", "rest"]
    assert ParsedHtml(render_markdown("$$x$$ is *it*")).text.split() == ["$$x$$", "is", "it"]
