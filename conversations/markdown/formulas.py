r"""TeX formulas in Markdown, kept exactly as they are written: `$..$`, `$$..$$`, `\(..\)` and `\[..\]`.

What is between the marks is no Markdown. `$$` and `\[` at the start of a line begin a block, whose end is the end of a
line before the next blank one. An amount of money is no formula: `$..$` has no space just inside of it, and no letter
or digit just outside.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererProtocol
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

_BLOCK_MARKS = {"$$": "$$", "\\[": "\\]"}
_INLINE = re.compile(
    r"""
    \$\$ (?:[^\\$]|\\.)+ \$\$
    | (?<![0-9A-Za-z$]) \$ (?![\s$]) (?:[^\\$]|\\.)+ (?<!\s) \$ (?![0-9A-Za-z$])
    | \\\( (?:[^\\]|\\[^()])+ \\\)
    | \\\[ (?:[^\\]|\\[^\[\]])+ \\\]
    """,
    re.VERBOSE | re.DOTALL,
)


def formulas_plugin(parser: MarkdownIt) -> None:
    """Adds the tokens math_inline and math_block, whose content is the source with its marks; they are rendered as a
    span and a div of the class math."""
    parser.inline.ruler.before("escape", "math_inline", _inline_formula)
    interrupted = ["paragraph", "reference", "blockquote", "list"]
    parser.block.ruler.before("fence", "math_block", _formula_block, {"alt": interrupted})
    parser.add_render_rule("math_inline", _render_inline)
    parser.add_render_rule("math_block", _render_block)


def _inline_formula(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] not in "$\\":
        return False
    found = _INLINE.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        state.push("math_inline", "span", 0).content = found.group()
    state.pos = found.end()
    return True


def _formula_block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    opening = _text_of_line(state, start_line)[:2]
    if opening not in _BLOCK_MARKS or state.is_code_block(start_line):
        return False
    end = _line_after_formula(state, start_line, end_line, opening)
    if end is None:
        return False
    if not silent:
        token = state.push("math_block", "div", 0)
        token.content = state.getLines(start_line, end, state.blkIndent, False).strip()
        token.map = [start_line, end]
        state.line = end
    return True


def _line_after_formula(state: StateBlock, start_line: int, end_line: int, opening: str) -> int | None:
    """None if the formula is not closed, is closed within a line, or another begins in it."""
    closing = _BLOCK_MARKS[opening]
    text = _text_of_line(state, start_line).rstrip()[len(opening) :]
    line = start_line
    while closing not in text:
        line += 1
        if line >= end_line or state.isEmpty(line) or state.sCount[line] < state.blkIndent:
            return None
        text = _text_of_line(state, line).rstrip()
        if opening != closing and opening in text:
            return None
    is_empty = line == start_line and text == closing
    return None if is_empty or text.index(closing) + len(closing) < len(text) else line + 1


def _text_of_line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


def _render_inline(
    _renderer: RendererProtocol, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType
) -> str:
    return f'<span class="math">{escapeHtml(tokens[index].content)}</span>'


def _render_block(
    _renderer: RendererProtocol, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType
) -> str:
    return f'<div class="math">{escapeHtml(tokens[index].content)}</div>\n'
