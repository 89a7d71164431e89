// Completes Markdown that is cut off while it streams, so that the rest, when it comes, does not change how the text looks.

const PARTIAL_LINK = /!?\[([^[\]\n]{0,300})\]\(([^()\s]*)(?:\s[^()]*)?$/;
const PARTIAL_LINK_TEXT = /!?\[([^[\]\n]{0,300})\]?$/;
const PARTIAL_AUTOLINK = /<(?=https?:[^\s<>]*$|ht{0,2}p?s?$)/i;
const PARTIAL_TABLE_HEAD = /(^|\n)[ ]{0,3}\|[^\n]*(\n[ |:-]*)?$/;
/** A line that only has the beginning of a block: of a list item, heading, rule, quote, fence or table. */
const PARTIAL_BLOCK_MARKER = /^[\s>]*(?:[-*+] \[[ xX]?\]?|[-=*_+#~`|:>]+|\d{1,9}[.)]?|[`~]{3}[^`\n]*)[ \t]*$/;
const DELIMITER_RUN = /\\.|`+|\*+|_+|~~+|\\?\$\$|\$/gs;

/**
 * Drops the last line of a text if that is only the beginning of a block.
 * @param {string} text
 * @returns {string}
 */
export function dropPartialBlockMarker(text) {
  const start = text.lastIndexOf("\n") + 1;
  return PARTIAL_BLOCK_MARKER.test(text.slice(start)) ? text.slice(0, start) : text;
}

/**
 * Closes the emphasis, code span or link that is open at the end of inline content, or drops its delimiter if nothing follows that.
 * Also drops the head of a table, which is a paragraph until its delimiter row is complete.
 * @param {string} text
 * @returns {string}
 */
export function closeOpenMarkup(text) {
  const content = text.replace(PARTIAL_TABLE_HEAD, "$1").trimEnd();
  const { emphasis, codeSpan } = findOpenDelimiters(content);
  const closers = emphasis.reverse();
  if (codeSpan) {
    const isEmpty = codeSpan.start === content.length - codeSpan.delimiter.length;
    return isEmpty ? closeOpenMarkup(content.slice(0, codeSpan.start)) : content + codeSpan.delimiter + closers.join("");
  }
  return closeEmphasis(closePartialLink(content), closers);
}

/** Closes a link that is cut off in its address. Reduces one that is cut off earlier to its text. @param {string} text */
function closePartialLink(text) {
  const link = PARTIAL_LINK.exec(text);
  if (link) {
    return `${text.slice(0, link.index)}[${link[1]}](${link[2]})`;
  }
  const linkText = PARTIAL_LINK_TEXT.exec(text);
  return linkText ? text.slice(0, linkText.index) + linkText[1] : text.replace(PARTIAL_AUTOLINK, "");
}

/** @param {string} text @param {string[]} closers the delimiters that close open emphasis, the innermost first */
function closeEmphasis(text, closers) {
  const [, last] = /(?:^|[^\\*_~])([*_~]{1,3})$/.exec(text) ?? [];
  if (!last) {
    return text + closers.join("");
  }
  const [closer = ""] = closers;
  const isPartialCloser = closer.startsWith(last) && closer !== last;
  const isOpener = /(?:^|[\s([{"'*_~])$/.test(text.slice(0, -last.length));
  return isPartialCloser || isOpener ? closeOpenMarkup(text.slice(0, -last.length)) : text + closers.join("");
}

/**
 * Returns the delimiters of emphasis that are open at the end, the outermost first, and the open code span, within which no other
 * delimiter counts.
 * @param {string} text
 */
function findOpenDelimiters(text) {
  /** @type {string[]} */
  const emphasis = [];
  let codeSpan = /** @type {{delimiter: string, start: number} | null} */ (null);
  for (const { 0: run, index } of text.matchAll(DELIMITER_RUN)) {
    if (run.startsWith("`")) {
      codeSpan = codeSpan?.delimiter === run ? null : (codeSpan ?? { delimiter: run, start: index });
    } else if (!codeSpan && /^[*_~]/.test(run)) {
      updateEmphasis(emphasis, run, text[index - 1] ?? " ", text[index + run.length] ?? " ");
    }
  }
  return { emphasis, codeSpan };
}

/**
 * Closes emphasis with a delimiter run, or opens one.
 * @param {string[]} emphasis the open delimiters, which are updated
 * @param {string} run
 * @param {string} before the character before it
 * @param {string} after the character after it
 */
function updateEmphasis(emphasis, run, before, after) {
  const opener = emphasis.lastIndexOf(run);
  if (opener >= 0 && !/\s/.test(before)) {
    emphasis.length = opener;
  } else if (canOpen(run, before, after)) {
    emphasis.push(run);
  }
}

/** @param {string} run @param {string} before @param {string} after */
function canOpen(run, before, after) {
  if (/\s/.test(after) || run.length > 3 || (run[0] === "~" && run.length !== 2)) {
    return false;
  }
  return (run.length > 1 && run[0] !== "_") || !/[\p{L}\p{N}]/u.test(before);
}
