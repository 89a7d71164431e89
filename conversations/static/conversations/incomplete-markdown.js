// Text that breaks off in the middle of a mark, as what it probably becomes: so that nothing changes its look when the rest comes.

const HALF_LINK = /!?\[([^[\]\n]{0,300})\]\(([^()\s]*)(?:\s[^()]*)?$/;
const HALF_LABEL = /!?\[([^[\]\n]{0,300})\]?$/;
const HALF_AUTOLINK = /<(?=https?:[^\s<>]*$|ht{0,2}p?s?$)/i;
const TABLE_HEAD = /(^|\n)[ ]{0,3}\|[^\n]*(\n[ |:-]*)?$/;
/** A line that is nothing but the start of something. */
const MARK_LINE = /^[\s>]*(?:[-*+] \[[ xX]?\]?|[-=*_+#~`|:>]+|\d{1,9}[.)]?|[`~]{3}[^`\n]*)[ \t]*$/;
const RUN = /\\.|`+|\*+|_+|~~+|\\?\$\$|\$/gs;

/**
 * @param {string} text the end of a text
 * @returns {string} without its last line, if that is only the beginning of a mark for a block
 */
export function withoutHalfMark(text) {
  const start = text.lastIndexOf("\n") + 1;
  return MARK_LINE.test(text.slice(start)) ? text.slice(0, start) : text;
}

/**
 * @param {string} text of a paragraph that breaks off
 * @returns {string} with its open marks closed, and without those that have nothing after them
 */
export function completed(text) {
  const head = text.replace(TABLE_HEAD, "$1").trimEnd();
  const { open, code } = openMarks(head);
  const closers = open.reverse();
  if (code) {
    const isEmpty = code.at === head.length - code.mark.length;
    return isEmpty ? completed(head.slice(0, code.at)) : head + code.mark + closers.join("");
  }
  return withoutDanglingMark(withoutHalfLink(head), closers);
}

/** @param {string} text */
function withoutHalfLink(text) {
  const link = HALF_LINK.exec(text);
  if (link) {
    return `${text.slice(0, link.index)}[${link[1]}](${link[2]})`;
  }
  const label = HALF_LABEL.exec(text);
  return label ? text.slice(0, label.index) + label[1] : text.replace(HALF_AUTOLINK, "");
}

/** @param {string} text @param {string[]} closers */
function withoutDanglingMark(text, closers) {
  const dangling = /(?:^|[^\\*_~])([*_~]{1,3})$/.exec(text);
  if (!dangling) {
    return text + closers.join("");
  }
  const [mark] = dangling.slice(1);
  const [first = ""] = closers;
  const isHalfCloser = first.startsWith(mark) && first !== mark;
  const isOpener = /(?:^|[\s([{"'*_~])$/.test(text.slice(0, -mark.length));
  return isHalfCloser || isOpener ? completed(text.slice(0, -mark.length)) : text + closers.join("");
}

/**
 * The marks of emphasis that are open at the end, and a code span, which no other mark counts in.
 * @param {string} text
 */
function openMarks(text) {
  /** @type {string[]} */
  const open = [];
  let code = /** @type {{mark: string, at: number} | null} */ (null);
  for (const { 0: mark, index } of text.matchAll(RUN)) {
    if (mark.startsWith("`")) {
      code = code?.mark === mark ? null : (code ?? { mark, at: index });
    } else if (!code && /^[*_~]/.test(mark)) {
      take(open, mark, text[index - 1] ?? " ", text[index + mark.length] ?? " ");
    }
  }
  return { open, code };
}

/** @param {string[]} open @param {string} mark which closes one of them, or opens another @param {string} before @param {string} after */
function take(open, mark, before, after) {
  const last = open.lastIndexOf(mark);
  if (last >= 0 && !/\s/.test(before)) {
    open.length = last;
  } else if (canOpen(mark, before, after)) {
    open.push(mark);
  }
}

/** @param {string} mark @param {string} before @param {string} after */
function canOpen(mark, before, after) {
  if (/\s/.test(after) || mark.length > 3 || (mark[0] === "~" && mark.length !== 2)) {
    return false;
  }
  return mark.length > 1 && mark[0] !== "_" ? true : !/[\p{L}\p{N}]/u.test(before);
}
