// A markdown-it plugin for TeX formulas, $..$, $$..$$, \(..\) and \[..\], whose source is kept. formulas.py does the same on the server.

/** @import { MarkdownIt, StateBlock, StateInline } from "markdown-it" */

/** @type {Record<string, string>} */
const BLOCK_DELIMITERS = { $$: "$$", "\\[": "\\]" };
const INLINE_FORMULA =
  /\$\$(?:[^\\$]|\\.)+\$\$|(?<![0-9A-Za-z$])\$(?![\s$])(?:[^\\$]|\\.)+(?<!\s)\$(?![0-9A-Za-z$])|\\\((?:[^\\]|\\[^()])+\\\)|\\\[(?:[^\\]|\\[^[\]])+\\\]/sy;
/** The blocks that a formula may follow without an empty line. */
const INTERRUPTED_BLOCKS = ["paragraph", "reference", "blockquote", "list"];

/** @param {MarkdownIt} markdownIt */
export function formulaPlugin(markdownIt) {
  const { escapeHtml } = markdownIt.utils;
  markdownIt.inline.ruler.before("escape", "math_inline", parseInlineFormula);
  markdownIt.block.ruler.before("fence", "math_block", parseBlockFormula, { alt: INTERRUPTED_BLOCKS });
  markdownIt.renderer.rules.math_inline = (tokens, index) => `<span class="math">${escapeHtml(tokens[index].content)}</span>`;
  markdownIt.renderer.rules.math_block = (tokens, index) => `<div class="math">${escapeHtml(tokens[index].content)}</div>\n`;
}

/** @param {StateInline} state @param {boolean} silent */
function parseInlineFormula(state, silent) {
  const first = state.src[state.pos];
  if (first !== "$" && first !== "\\") {
    return false;
  }
  INLINE_FORMULA.lastIndex = state.pos;
  const match = INLINE_FORMULA.exec(state.src.slice(0, state.posMax));
  if (!match) {
    return false;
  }
  if (!silent) {
    state.push("math_inline", "span", 0).content = match[0];
  }
  state.pos += match[0].length;
  return true;
}

/** @param {StateBlock} state @param {number} startLine @param {number} endLine @param {boolean} silent */
function parseBlockFormula(state, startLine, endLine, silent) {
  const opening = lineText(state, startLine).slice(0, 2);
  if (!(opening in BLOCK_DELIMITERS) || state.sCount[startLine] - state.blkIndent >= 4) {
    return false;
  }
  const nextLine = findFormulaEnd(state, startLine, endLine, opening);
  if (nextLine === null) {
    return false;
  }
  if (!silent) {
    const token = state.push("math_block", "div", 0);
    token.content = state.getLines(startLine, nextLine, state.blkIndent, false).trim();
    token.map = [startLine, nextLine];
    state.line = nextLine;
  }
  return true;
}

/**
 * Returns the line after a formula. Returns null if the formula is empty or not closed, if text follows its closing delimiter, or if
 * another formula is opened in it.
 * @param {StateBlock} state
 * @param {number} startLine
 * @param {number} endLine
 * @param {string} opening delimiter
 */
function findFormulaEnd(state, startLine, endLine, opening) {
  const closing = BLOCK_DELIMITERS[opening];
  let text = lineText(state, startLine).trimEnd().slice(opening.length);
  let line = startLine;
  while (!text.includes(closing)) {
    line += 1;
    if (line >= endLine || state.isEmpty(line) || state.sCount[line] < state.blkIndent) {
      return null;
    }
    text = lineText(state, line).trimEnd();
    if (opening !== closing && text.includes(opening)) {
      return null;
    }
  }
  const isEmpty = line === startLine && text === closing;
  return isEmpty || text.indexOf(closing) + closing.length < text.length ? null : line + 1;
}

/** @param {StateBlock} state @param {number} line */
function lineText(state, line) {
  return state.src.slice(state.bMarks[line] + state.tShift[line], state.eMarks[line]);
}
