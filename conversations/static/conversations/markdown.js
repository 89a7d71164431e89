// Renders the Markdown of answers as safe elements, as the server does (markdown/rendering.py), except for footnotes.

import MarkdownIt from "../npm/markdown-it.mjs";
import "../npm/dompurify.mjs";
import { formulaPlugin } from "./formulas.js";
import { closeOpenMarkup } from "./incomplete-markdown.js";

/** @import { Env, RendererRule, StateCore, StateInline, Token } from "markdown-it" */

const MAX_DEPTH = 50;
const MAX_INLINE_LENGTH = 10_000;
const TASK_MARKER = /^\[[ xX]\] /;
const LINE_BREAK_TAG = /<br\s*\/?>/iy;
const LINK_REL = "noopener noreferrer nofollow";
const TAGS =
  "blockquote div h1 h2 h3 h4 h5 h6 hr li ol p pre section ul table tbody td th thead tr a br code em input s span strong sup #text";
const ATTRIBUTES = "align alt aria-label checked class data-language disabled rel start tabindex target title type";
const SANITIZE_OPTIONS = {
  ALLOWED_TAGS: TAGS.split(" "),
  ALLOWED_ATTR: ["href", ...ATTRIBUTES.split(" ")],
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
  ADD_URI_SAFE_ATTR: ATTRIBUTES.split(" "),
  RETURN_DOM_FRAGMENT: /** @type {const} */ (true),
};

/**
 * A top-level block of a text, such as a paragraph or a list.
 * @typedef {object} Block
 * @property {string} type of its first token
 * @property {number} line where it starts, from 0
 * @property {Token[]} tokens
 */

/** The link reference definitions that the text has so far. */
export class Definitions {
  /** @type {NonNullable<Env["references"]>} */ references = Object.create(null);

  /** Returns a copy that can be added to, for parsing text that may still change. */
  fork() {
    const fork = new Definitions();
    fork.references = Object.create(this.references);
    return fork;
  }
}

/**
 * @param {string} source
 * @param {Definitions} definitions those of the source are added
 * @param {boolean} isStreaming whether more may come: then open markup at its end is closed
 * @returns {Block[]}
 */
export function parseBlocks(source, definitions, isStreaming = false) {
  /** @type {Env} */
  const env = { references: definitions.references, isStreaming };
  /** @type {Block[]} */
  const blocks = [];
  for (const token of parser.parse(source, env)) {
    if (token.level === 0 && token.nesting >= 0) {
      blocks.push({ type: token.type, line: token.map?.[0] ?? 0, tokens: [] });
    }
    blocks[blocks.length - 1].tokens.push(token);
  }
  return blocks;
}

/** @param {Block} block @returns {string} HTML that is not sanitized */
export function renderBlock({ tokens }) {
  return parser.renderer.render(tokens, parser.options, {});
}

/** Returns the sanitized element of a block, or null if nothing of it is safe. @param {string} html @returns {Element | null} */
export function createElement(html) {
  return DOMPurify.sanitize(html, SANITIZE_OPTIONS).firstElementChild;
}

/** @type {Record<string, RendererRule>} */
const RENDER_RULES = {
  fence: (tokens, index) => renderCodeBlock(tokens[index].content, languageOf(tokens[index])),
  code_block: (tokens, index) => renderCodeBlock(tokens[index].content, ""),
  table_open: () => '<div class="table" tabindex="0"><table>\n',
  table_close: () => "</table></div>\n",
  list_item_open(tokens, index, options, _env, renderer) {
    const start = renderer.renderToken(tokens, index, options);
    const { checked } = tokens[index].meta ?? {};
    if (checked === undefined) {
      return start;
    }
    const inlineTokens = tokens[index + 2].children ?? [];
    const label = inlineTokens.map(({ type, content }) => (type === "softbreak" ? " " : content)).join("");
    return `${start}<input type="checkbox" disabled${checked ? " checked" : ""} aria-label="${escapeHtml(label)}"> `;
  },
};

const parser = createParser();

function createParser() {
  const markdownIt = new MarkdownIt({ linkify: true, maxNesting: MAX_DEPTH + 1 });
  const { linkify } = markdownIt;
  linkify.set({ fuzzyLink: false, fuzzyEmail: true }).add("ftp:", null).add("//", null);
  const { re } = linkify;
  const label = `(?:${re.get_pseudo_letter().source}|[-_])+`;
  const afterWww = new RegExp(`${label}(?:\\.${label})*${re.get_port().source}${re.get_path().source}`, "iy");
  linkify.add("www.", {
    validate(text, position) {
      afterWww.lastIndex = position;
      return afterWww.exec(text)?.[0].length ?? 0;
    },
    normalize: (match) => void (match.url = `http://${match.url}`),
  });
  markdownIt.use(formulaPlugin);
  markdownIt.inline.ruler.before("autolink", "line_break_tag", parseLineBreakTag);
  markdownIt.core.ruler.after("block", "tasks", parseTasks);
  markdownIt.core.ruler.after("tasks", "incomplete_end", prepareInlineContent);
  markdownIt.core.ruler.push("links", finishLinks);
  Object.assign(markdownIt.renderer.rules, RENDER_RULES);
  return markdownIt;
}

/** @param {Token} fence */
function languageOf({ info }) {
  return parser.utils.unescapeAll(info).trim().split(/\s+/)[0];
}

/** @param {string} code @param {string} language may be empty @returns {string} */
function renderCodeBlock(code, language) {
  const name = escapeHtml(language);
  const start = name ? `<div class="code" data-language="${name}"><pre tabindex="0"><code class="language-${name}">` : '<div class="code"><pre tabindex="0"><code>';
  return `${start}${escapeHtml(code)}</code></pre></div>\n`;
}

/** @param {string} text */
function escapeHtml(text) {
  return parser.utils.escapeHtml(text);
}

/** Parses `<br>`, the only HTML tag that is not shown as text. @param {StateInline} state @param {boolean} silent */
function parseLineBreakTag(state, silent) {
  LINE_BREAK_TAG.lastIndex = state.pos;
  const match = LINE_BREAK_TAG.exec(state.src.slice(0, state.posMax));
  if (!match) {
    return false;
  }
  if (!silent) {
    state.push("hardbreak", "br", 0);
  }
  state.pos += match[0].length;
  return true;
}

/** Removes the marker of task list items and notes it in their `meta`. @param {StateCore} state */
function parseTasks({ tokens }) {
  tokens.forEach((item, index) => {
    const text = tokens[index + 2];
    if (item.type === "list_item_open" && tokens[index + 1]?.type === "paragraph_open" && TASK_MARKER.test(text.content)) {
      item.meta = { ...item.meta, checked: text.content[1] !== " " };
      text.content = text.content.slice(4);
    }
  });
}

/** Makes inline content that is too long plain text, and closes open markup at the end of a streaming text. @param {StateCore} state */
function prepareInlineContent({ tokens, env }) {
  for (const token of tokens) {
    if (token.type === "inline" && token.content.length > MAX_INLINE_LENGTH) {
      token.type = "text";
    }
  }
  const last = tokens.findLast(({ nesting }) => nesting >= 0);
  if (env.isStreaming && last?.type === "inline") {
    last.content = closeOpenMarkup(last.content);
  }
}

/**
 * Makes links open in a new tab, and turns images into links. Aligns table cells by an attribute, since the content security policy
 * forbids style attributes.
 * @param {StateCore} state
 */
function finishLinks({ tokens }) {
  for (const token of tokens) {
    if ((token.type === "th_open" || token.type === "td_open") && token.attrs) {
      token.attrs = [["align", String(token.attrGet("style")).replace("text-align:", "")]];
    }
    if (token.type === "inline") {
      token.children = [...convertLinks(token.children ?? [], false)];
    }
  }
}

/**
 * Turns images into links. Inside of a link, only the text of links and images is kept, since links cannot be nested.
 * @param {Token[]} tokens
 * @param {boolean} isInLink
 * @returns {Generator<Token, void, undefined>}
 */
function* convertLinks(tokens, isInLink) {
  let isInside = isInLink;
  for (const token of tokens) {
    if (token.type === "image") {
      yield* convertImage(token, isInside);
    } else if (token.type !== "link_open" && token.type !== "link_close") {
      yield token;
    } else if (!isInLink) {
      isInside = token.type === "link_open";
      if (isInside) {
        openInNewTab(token);
      }
      yield token;
    }
  }
}

/**
 * Turns an image into a link with its description, or its address if it has none. (images.js may show the image.)
 * @param {Token} image
 * @param {boolean} isInLink
 */
function* convertImage(image, isInLink) {
  const url = String(image.attrGet("src") ?? "");
  const link = createToken(image, "link_open", "a", 1);
  const description = image.children?.length ? image.children : [createToken(image, "text", "", 0, url)];
  if (isInLink) {
    yield* convertLinks(description, true);
    return;
  }
  link.attrs = [
    ["href", url],
    ["class", "image"],
  ];
  const title = image.attrGet("title");
  if (title !== null) {
    link.attrs.push(["title", title]);
  }
  openInNewTab(link);
  yield link;
  yield* convertLinks(description, true);
  yield createToken(image, "link_close", "a", -1);
}

/**
 * @param {Token} other whose class, which markdown-it does not export, the new token gets
 * @param {string} type
 * @param {string} tag
 * @param {-1 | 0 | 1} nesting
 * @param {string} [content]
 */
function createToken(other, type, tag, nesting, content = "") {
  const TokenClass = /** @type {typeof Token} */ (other.constructor);
  const token = new TokenClass(type, tag, nesting);
  token.content = content;
  return token;
}

/** @param {Token} link */
function openInNewTab(link) {
  link.attrSet("target", "_blank");
  link.attrSet("rel", LINK_REL);
}
