r"""A markdown-it plugin that keeps TeX formulas verbatim: `$..$`, `$$..$$`, `\(..\)` and `\[..\]`.

The text between the delimiters is not parsed as Markdown. `$$` or `\[` at the start of a line opens a block, which must
be closed at the end of a line before the next blank line. To keep amounts of money out, `$..$` must not have a space
just inside its delimiters, nor a letter or digit just outside.
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

_BLOCK_DELIMITERS = {"$$": "$$", "\\[": "\\]"}
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
    """Adds math_inline and math_block tokens, whose content is the source including its delimiters.

    They are rendered as a span and a div with the class `math`.
    """
    parser.inline.ruler.before("escape", "math_inline", _parse_inline_formula)
    interruptible = ["paragraph", "reference", "blockquote", "list"]
    parser.block.ruler.before("fence", "math_block", _parse_formula_block, {"alt": interruptible})
    parser.add_render_rule("math_inline", _render_inline)
    parser.add_render_rule("math_block", _render_block)


def _parse_inline_formula(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] not in "$\\":
        return False
    match = _INLINE.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    if not silent:
        state.push("math_inline", "span", 0).content = match.group()
    state.pos = match.end()
    return True


def _parse_formula_block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    opening = _line_text(state, start_line)[:2]
    if opening not in _BLOCK_DELIMITERS or state.is_code_block(start_line):
        return False
    end = _find_end_of_block(state, start_line, end_line, opening)
    if end is None:
        return False
    if not silent:
        token = state.push("math_block", "div", 0)
        token.content = state.getLines(start_line, end, state.blkIndent, False).strip()
        token.map = [start_line, end]
        state.line = end
    return True


def _find_end_of_block(state: StateBlock, start_line: int, end_line: int, opening: str) -> int | None:
    """Returns the number of the line after the formula.

    Returns None if the formula is empty or not closed, if it is closed in the middle of a line, or if another one opens
    inside it.
    """
    closing = _BLOCK_DELIMITERS[opening]
    text = _line_text(state, start_line).rstrip()[len(opening) :]
    line = start_line
    while closing not in text:
        line += 1
        if line >= end_line or state.isEmpty(line) or state.sCount[line] < state.blkIndent:
            return None
        text = _line_text(state, line).rstrip()
        if opening != closing and opening in text:
            return None
    is_empty = line == start_line and text == closing
    return None if is_empty or text.index(closing) + len(closing) < len(text) else line + 1


def _line_text(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


def _render_inline(
    _renderer: RendererProtocol, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType
) -> str:
    return f'<span class="math">{escapeHtml(tokens[index].content)}</span>'


def _render_block(
    _renderer: RendererProtocol, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType
) -> str:
    return f'<div class="math">{escapeHtml(tokens[index].content)}</div>\n'
