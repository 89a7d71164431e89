// The Markdown that answers are written in, to elements that are safe to show: as the server renders it (markdown.py, rendering.py), but for footnotes.

import MarkdownIt from "../npm/markdown-it.mjs";
import "../npm/dompurify.mjs";
import { formulas } from "./formulas.js";
import { completed } from "./incomplete-markdown.js";

/** @import { Env, RendererRule, StateCore, StateInline, Token } from "markdown-it" */

const MAX_DEPTH = 50;
const MAX_INLINE = 10_000;
const TASK = /^\[[ xX]\] /;
const LINE_BREAK_TAG = /<br\s*\/?>/iy;
const LINK_REL = "noopener noreferrer nofollow";
const TAGS =
  "blockquote div h1 h2 h3 h4 h5 h6 hr li ol p pre section ul table tbody td th thead tr a br code em input s span strong sup #text";
const ATTRIBUTES = "align alt aria-label checked class data-language disabled rel start tabindex target title type";
const SAFE = {
  ALLOWED_TAGS: TAGS.split(" "),
  ALLOWED_ATTR: ["href", ...ATTRIBUTES.split(" ")],
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
  ADD_URI_SAFE_ATTR: ATTRIBUTES.split(" "),
  RETURN_DOM_FRAGMENT: /** @type {const} */ (true),
};

/**
 * A piece of a text that stands by itself: a paragraph, a whole list.
 * @typedef {object} Block
 * @property {string} type the first token's
 * @property {number} line where it begins
 * @property {Token[]} tokens
 */

/** What stands in the text so far that later blocks refer to. */
export class Definitions {
  /** @type {NonNullable<Env["references"]>} */ references = Object.create(null);

  /** For a look at a text that may still change. */
  fork() {
    const fork = new Definitions();
    fork.references = Object.create(this.references);
    return fork;
  }
}

/**
 * @param {string} source
 * @param {Definitions} definitions to which those of the source are added
 * @param {boolean} isOpen whether it breaks off: then its end is shown as what it probably becomes
 * @returns {Block[]}
 */
export function parse(source, definitions, isOpen = false) {
  /** @type {Env} */
  const env = { references: definitions.references, isOpen };
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

/** @param {Block} block @returns {string} */
export function toHtml({ tokens }) {
  return parser.renderer.render(tokens, parser.options, {});
}

/** @param {string} html of one block @returns {Element | null} */
export function toElement(html) {
  return DOMPurify.sanitize(html, SAFE).firstElementChild;
}

/** @type {Record<string, RendererRule>} */
const RULES = {
  fence: (tokens, index) => codeBlock(tokens[index].content, languageOf(tokens[index])),
  code_block: (tokens, index) => codeBlock(tokens[index].content, ""),
  table_open: () => '<div class="table" tabindex="0"><table>\n',
  table_close: () => "</table></div>\n",
  list_item_open(tokens, index, options, _env, renderer) {
    const start = renderer.renderToken(tokens, index, options);
    const { checked } = tokens[index].meta ?? {};
    if (checked === undefined) {
      return start;
    }
    const parts = tokens[index + 2].children ?? [];
    const name = parts.map(({ type, content }) => (type === "softbreak" ? " " : content)).join("");
    return `${start}<input type="checkbox" disabled${checked ? " checked" : ""} aria-label="${escaped(name)}"> `;
  },
};

const parser = makeParser();

function makeParser() {
  const made = new MarkdownIt({ linkify: true, maxNesting: MAX_DEPTH + 1 });
  made.linkify.set({ fuzzyLink: false, fuzzyEmail: true }).add("ftp:", null).add("//", null);
  const { re } = made.linkify;
  const label = `(?:${re.get_pseudo_letter().source}|[-_])+`;
  const afterWww = new RegExp(`${label}(?:\\.${label})*${re.get_port().source}${re.get_path().source}`, "iy");
  made.linkify.add("www.", {
    validate(text, position) {
      afterWww.lastIndex = position;
      return afterWww.exec(text)?.[0].length ?? 0;
    },
    normalize: (match) => void (match.url = `http://${match.url}`),
  });
  made.use(formulas);
  made.inline.ruler.before("autolink", "line_break_tag", lineBreakTag);
  made.core.ruler.after("block", "tasks", takeTasks);
  made.core.ruler.after("tasks", "unfinished", completeEnd);
  made.core.ruler.push("links", finishLinks);
  Object.assign(made.renderer.rules, RULES);
  return made;
}

/** @param {Token} fence */
function languageOf({ info }) {
  return parser.utils.unescapeAll(info).trim().split(/\s+/)[0];
}

/** @param {string} code @param {string} language */
function codeBlock(code, language) {
  const name = escaped(language);
  const start = name ? `<div class="code" data-language="${name}"><pre tabindex="0"><code class="language-${name}">` : '<div class="code"><pre tabindex="0"><code>';
  return `${start}${escaped(code)}</code></pre></div>\n`;
}

/** @param {string} text */
function escaped(text) {
  return parser.utils.escapeHtml(text);
}

/** @param {StateInline} state @param {boolean} silent */
function lineBreakTag(state, silent) {
  LINE_BREAK_TAG.lastIndex = state.pos;
  const found = LINE_BREAK_TAG.exec(state.src.slice(0, state.posMax));
  if (!found) {
    return false;
  }
  if (!silent) {
    state.push("hardbreak", "br", 0);
  }
  state.pos += found[0].length;
  return true;
}

/** @param {StateCore} state */
function takeTasks({ tokens }) {
  tokens.forEach((item, index) => {
    const text = tokens[index + 2];
    if (item.type === "list_item_open" && tokens[index + 1]?.type === "paragraph_open" && TASK.test(text.content)) {
      item.meta = { ...item.meta, checked: text.content[1] !== " " };
      text.content = text.content.slice(4);
    }
  });
}

/** A paragraph without end is plain text. What breaks off is completed. @param {StateCore} state */
function completeEnd({ tokens, env }) {
  for (const token of tokens) {
    if (token.type === "inline" && token.content.length > MAX_INLINE) {
      token.type = "text";
    }
  }
  const end = tokens.findLast(({ nesting }) => nesting >= 0);
  if (env.isOpen && end?.type === "inline") {
    end.content = completed(end.content);
  }
}

/** Links open a new tab. Tables align by an attribute, as the policy forbids styles. @param {StateCore} state */
function finishLinks({ tokens }) {
  for (const token of tokens) {
    if ((token.type === "th_open" || token.type === "td_open") && token.attrs) {
      token.attrs = [["align", String(token.attrGet("style")).replace("text-align:", "")]];
    }
    if (token.type === "inline") {
      token.children = [...linkImages(token.children ?? [], false)];
    }
  }
}

/**
 * Links do not nest: inside of another, a link or an image leaves its text alone.
 * @param {Token[]} tokens
 * @param {boolean} insideLink
 * @returns {Generator<Token, void, undefined>}
 */
function* linkImages(tokens, insideLink) {
  let inside = insideLink;
  for (const token of tokens) {
    if (token.type === "image") {
      yield* linkImage(token, inside);
    } else if (token.type !== "link_open" && token.type !== "link_close") {
      yield token;
    } else if (!insideLink) {
      inside = token.type === "link_open";
      if (inside) {
        openInNewTab(token);
      }
      yield token;
    }
  }
}

/** The link's text is the image's description, else its address (images.js). @param {Token} image @param {boolean} insideLink */
function* linkImage(image, insideLink) {
  const address = String(image.attrGet("src") ?? "");
  const open = madeToken(image, "link_open", "a", 1);
  const described = image.children?.length ? image.children : [madeToken(image, "text", "", 0, address)];
  if (insideLink) {
    yield* linkImages(described, true);
    return;
  }
  open.attrs = [
    ["href", address],
    ["class", "image"],
  ];
  const title = image.attrGet("title");
  if (title !== null) {
    open.attrs.push(["title", title]);
  }
  openInNewTab(open);
  yield open;
  yield* linkImages(described, true);
  yield madeToken(image, "link_close", "a", -1);
}

/** @param {Token} like @param {string} type @param {string} tag @param {-1 | 0 | 1} nesting @param {string} [content] */
function madeToken(like, type, tag, nesting, content = "") {
  const Kind = /** @type {typeof Token} */ (like.constructor);
  const token = new Kind(type, tag, nesting);
  token.content = content;
  return token;
}

/** @param {Token} link */
function openInNewTab(link) {
  link.attrSet("target", "_blank");
  link.attrSet("rel", LINK_REL);
}
