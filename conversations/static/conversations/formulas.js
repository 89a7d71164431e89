// TeX formulas in Markdown, kept as they are written: $..$, $$..$$, \(..\) and \[..\]. The server's are the same (formulas.py).

/** @import { MarkdownIt, StateBlock, StateInline } from "markdown-it" */

/** @type {Record<string, string>} */
const BLOCK_MARKS = { $$: "$$", "\\[": "\\]" };
const INLINE =
  /\$\$(?:[^\\$]|\\.)+\$\$|(?<![0-9A-Za-z$])\$(?![\s$])(?:[^\\$]|\\.)+(?<!\s)\$(?![0-9A-Za-z$])|\\\((?:[^\\]|\\[^()])+\\\)|\\\[(?:[^\\]|\\[^[\]])+\\\]/sy;
const INTERRUPTED = ["paragraph", "reference", "blockquote", "list"];

/** @param {MarkdownIt} parser */
export function formulas(parser) {
  const { escapeHtml } = parser.utils;
  parser.inline.ruler.before("escape", "math_inline", inlineFormula);
  parser.block.ruler.before("fence", "math_block", formulaBlock, { alt: INTERRUPTED });
  parser.renderer.rules.math_inline = (tokens, index) => `<span class="math">${escapeHtml(tokens[index].content)}</span>`;
  parser.renderer.rules.math_block = (tokens, index) => `<div class="math">${escapeHtml(tokens[index].content)}</div>\n`;
}

/** @param {StateInline} state @param {boolean} silent */
function inlineFormula(state, silent) {
  const mark = state.src[state.pos];
  if (mark !== "$" && mark !== "\\") {
    return false;
  }
  INLINE.lastIndex = state.pos;
  const found = INLINE.exec(state.src.slice(0, state.posMax));
  if (!found) {
    return false;
  }
  if (!silent) {
    state.push("math_inline", "span", 0).content = found[0];
  }
  state.pos += found[0].length;
  return true;
}

/** @param {StateBlock} state @param {number} start @param {number} end @param {boolean} silent */
function formulaBlock(state, start, end, silent) {
  const opening = textOfLine(state, start).slice(0, 2);
  if (!(opening in BLOCK_MARKS) || state.sCount[start] - state.blkIndent >= 4) {
    return false;
  }
  const after = lineAfterFormula(state, start, end, opening);
  if (after === null) {
    return false;
  }
  if (!silent) {
    const token = state.push("math_block", "div", 0);
    token.content = state.getLines(start, after, state.blkIndent, false).trim();
    token.map = [start, after];
    state.line = after;
  }
  return true;
}

/**
 * Null if the formula is not closed, is closed within a line, or another begins in it.
 * @param {StateBlock} state
 * @param {number} start
 * @param {number} end
 * @param {string} opening
 */
function lineAfterFormula(state, start, end, opening) {
  const closing = BLOCK_MARKS[opening];
  let text = textOfLine(state, start).trimEnd().slice(opening.length);
  let line = start;
  while (!text.includes(closing)) {
    line += 1;
    if (line >= end || state.isEmpty(line) || state.sCount[line] < state.blkIndent) {
      return null;
    }
    text = textOfLine(state, line).trimEnd();
    if (opening !== closing && text.includes(opening)) {
      return null;
    }
  }
  const isEmpty = line === start && text === closing;
  return isEmpty || text.indexOf(closing) + closing.length < text.length ? null : line + 1;
}

/** @param {StateBlock} state @param {number} line */
function textOfLine(state, line) {
  return state.src.slice(state.bMarks[line] + state.tShift[line], state.eMarks[line]);
}
