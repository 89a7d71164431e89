// A text of an answer, formatted while it comes.

import { codeBlockOf } from "./code-blocks.js";
import { GrowingText } from "./growing-text.js";
import { patch, patchItems } from "./patch.js";
import { withoutHalfMark } from "./incomplete-markdown.js";

/** @import { CodeBlock } from "./code-blocks.js" */
/** @import { Block, Definitions } from "./markdown.js" */

/** From so many characters on, a list or a table that still grows leaves its first items as they are. */
const WINDOW = 3_000;
/** Of a block that has grown over this, the rest is plain until it ends: looking at all of it again would take too long. */
const LIMIT = 20_000;
/** Times what drawing took that pass before the next: the page has other things to do. */
const PAUSE = 4;
const FENCE = /^( {0,3})(`{3,}|~{3,})/;
const LISTS = new Set(["bullet_list_open", "ordered_list_open"]);

/** @type {typeof import("./markdown.js") | null} */
let markdown = null;
const loading = import("./markdown.js").then(
  (loaded) => (markdown = loaded),
  (error) => console.error("Texts are plain until the server has formatted them:", error),
);

/**
 * Only what may still change is looked at again: the last block, and of a long list or table its last items; what comes
 * into a code block is appended. So a piece costs the same however long the whole is.
 */
export class LiveText {
  /** @type {GrowingText | null} */ #plain;
  #whole;
  /** @type {Definitions | null} */ #definitions = null;
  /** What may still change. */ #source = "";
  /** The elements that it is shown by, and the HTML they were made of. @type {{element: Element, html: string}[]} */ #open = [];
  /** Items of the first of them that stay. */ #kept = 0;
  /** @type {OpenFence | null} */ #fence = null;
  /** @type {GrowingText | null} */ #overlong = null;
  #nextAt = 0;
  #timer = 0;

  /** @param {HTMLElement} place whose source the server may have begun to show */
  constructor(place) {
    this.place = place;
    this.#whole = place.textContent ?? "";
    place.classList.add("plain");
    this.#plain = new GrowingText(place);
    void loading.then(() => this.#restart());
  }

  /** @param {string} piece */
  append(piece) {
    this.#whole += piece;
    this.#source += piece;
    this.#plain?.append(piece);
  }

  /** @param {string} text the whole, which mostly begins as it stands */
  set(text) {
    if (text.startsWith(this.#whole)) {
      this.append(text.slice(this.#whole.length));
    } else {
      this.#whole = text;
      this.#plain?.set(text);
      this.#restart();
    }
  }

  draw() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#plain) {
      this.#plain.draw();
      return;
    }
    const start = performance.now();
    if (start < this.#nextAt) {
      this.#timer = setTimeout(() => this.draw(), this.#nextAt - start);
      return;
    }
    this.#draw(true);
    const end = performance.now();
    this.#nextAt = end + PAUSE * (end - start);
  }

  /** Nothing more will come. */
  finish() {
    clearTimeout(this.#timer);
    if (this.#plain) {
      this.#plain.draw();
    } else {
      this.#draw(false);
    }
  }

  #restart() {
    if (!markdown) {
      return;
    }
    this.place.classList.remove("plain");
    this.place.replaceChildren();
    this.#plain = this.#fence = this.#overlong = null;
    this.#definitions = new markdown.Definitions();
    this.#open = [];
    this.#source = this.#whole;
    this.#nextAt = 0;
    this.draw();
  }

  /** @param {boolean} isOpen */
  #draw(isOpen) {
    this.#source = this.#source.replace(/\r\n/g, "\n");
    if ((this.#fence && !this.#fillFence(isOpen)) || (this.#overlong && !this.#fillOverlong()) || !markdown || !this.#definitions) {
      return;
    }
    const shown = isOpen ? withoutHalfMark(this.#source) : this.#source;
    const blocks = markdown.parse(shown, this.#definitions.fork(), isOpen);
    blocks.forEach((block, index) => this.#show(block, index));
    this.#open.splice(blocks.length).forEach(({ element }) => element.remove());
    if (isOpen && blocks.length) {
      this.#settle(blocks);
    }
  }

  /** @param {Block} block @param {number} index */
  #show(block, index) {
    const html = markdown?.toHtml(block) ?? "";
    const shown = this.#open[index];
    if (shown?.html === html) {
      return;
    }
    const made = markdown?.toElement(html) ?? document.createElement("p");
    if (!shown) {
      this.place.append(made);
      this.#open[index] = { element: made, html };
    } else if (index === 0 && this.#kept) {
      patchItems(itemsOf(shown.element), itemsOf(made), this.#kept);
      shown.html = html;
    } else {
      this.#open[index] = { element: patch(shown.element, made), html };
    }
  }

  /** Leaves alone what cannot change any more. @param {Block[]} blocks */
  #settle(blocks) {
    const last = blocks[blocks.length - 1];
    const start = offsetOfLine(this.#source, last.line);
    if (start > 0 && this.#source.includes("\n", start)) {
      this.#leave(start, blocks.length - 1);
      last.tokens.forEach((token) => token.map && (token.map = [token.map[0] - last.line, token.map[1] - last.line]));
    } else if (start > 0) {
      return;
    }
    if (last.type === "fence") {
      this.#openFence();
    } else if (LISTS.has(last.type) && this.#source.length > WINDOW) {
      this.#keepItems(last);
    } else if (last.type === "table_open" && this.#source.length > WINDOW) {
      this.#keepRows();
    } else if (this.#source.length > LIMIT) {
      this.#giveUp();
    }
  }

  /** @param {number} end of what has settled @param {number} count its blocks */
  #leave(end, count) {
    if (markdown && this.#definitions) {
      markdown.parse(this.#source.slice(0, end), this.#definitions);
    }
    this.#source = this.#source.slice(end);
    this.#open.splice(0, count);
    this.#kept = 0;
  }

  #openFence() {
    const [, indent, mark] = FENCE.exec(this.#source) ?? [];
    const body = this.#source.indexOf("\n") + 1;
    if (!mark || !body) {
      return;
    }
    const [{ element }] = this.#open;
    this.#fence = new OpenFence(codeBlockOf(/** @type {HTMLElement} */ (element)), indent.length, mark);
    this.#source = this.#source.slice(body);
    if (this.#fillFence(true)) {
      this.#draw(true);
    }
  }

  /** @param {boolean} isOpen @returns {boolean} whether the code block has ended */
  #fillFence(isOpen) {
    const rest = this.#fence?.take(this.#source, isOpen) ?? null;
    this.#source = rest ?? "";
    if (rest === null) {
      this.#source = this.#fence?.held ?? "";
      return false;
    }
    this.#fence = null;
    this.#open = [];
    return true;
  }

  /** Of a list, only the last two items may change: the second but last may become loose. @param {Block} list */
  #keepItems({ tokens }) {
    const starts = tokens.filter(({ type, level }) => type === "list_item_open" && level === 1).map(({ map }) => map?.[0] ?? 0);
    if (starts.length > 2) {
      this.#kept += starts.length - 2;
      this.#source = this.#source.slice(offsetOfLine(this.#source, starts[starts.length - 2]));
    }
  }

  /** Of a table, only the last row may change. */
  #keepRows() {
    const head = this.#source.slice(0, offsetOfLine(this.#source, 2));
    const rows = this.#source.slice(head.length);
    const start = rows.lastIndexOf("\n", rows.lastIndexOf("\n") - 1) + 1;
    if (start > 0) {
      this.#kept += rows.slice(0, start).split("\n").length - 1;
      this.#source = head + rows.slice(start);
    }
  }

  #giveUp() {
    const place = document.createElement("div");
    place.className = "plain";
    this.place.append(place);
    this.#overlong = new GrowingText(place);
    this.#source = "";
    this.#open = [];
    this.#kept = 0;
  }

  /** @returns {boolean} whether the block has ended */
  #fillOverlong() {
    const end = this.#source.indexOf("\n\n");
    const rest = end < 0 ? "" : this.#source.slice(end);
    this.#overlong?.append(end < 0 ? this.#source : this.#source.slice(0, end));
    this.#overlong?.draw();
    this.#source = rest;
    if (rest) {
      this.#overlong = null;
    }
    return rest !== "";
  }
}

/** A fenced code block whose end has not come yet. */
class OpenFence {
  held = "";
  #isMidLine = false;

  /** @param {CodeBlock} block @param {number} indent spaces before the fence, which the lines may have too @param {string} mark */
  constructor(block, indent, mark) {
    this.block = block;
    this.indentation = new RegExp(`^ {0,${indent}}`);
    this.closing = new RegExp(`^ {0,3}${mark[0]}{${mark.length},}[ \t]*$`);
    this.half = new RegExp(`^ {0,3}${mark[0]}*[ \t]*$`);
    block.set("");
  }

  /**
   * @param {string} text
   * @param {boolean} isOpen whether more may come
   * @returns {string | null} what comes behind the block; null while it goes on. `held` is what cannot be told yet
   */
  take(text, isOpen) {
    this.held = "";
    let code = "";
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      const line = text.slice(start, end);
      start = end + 1;
      if (!this.#isMidLine && this.closing.test(line)) {
        this.#end(code);
        return text.slice(start);
      }
      code += `${this.#content(line)}\n`;
      this.#isMidLine = false;
    }
    return this.#takeHalfLine(code, text.slice(start), isOpen);
  }

  /** @param {string} code before it @param {string} line @param {boolean} isOpen */
  #takeHalfLine(code, line, isOpen) {
    if (!isOpen) {
      const isClosing = !this.#isMidLine && this.closing.test(line);
      this.#end(isClosing ? code : code + this.#content(line));
      return isClosing ? "" : null;
    }
    if (!this.#isMidLine && this.half.test(line)) {
      this.held = line;
      this.block.append(code);
    } else {
      this.block.append(code + this.#content(line));
      this.#isMidLine = true;
    }
    return null;
  }

  /** @param {string} line or a part of one */
  #content(line) {
    return this.#isMidLine ? line : line.replace(this.indentation, "");
  }

  /** @param {string} code the rest of it */
  #end(code) {
    this.block.append(code);
    this.block.finish();
  }
}

/** @param {string} text @param {number} line @returns {number} */
function offsetOfLine(text, line) {
  let offset = 0;
  for (let count = 0; count < line; count += 1) {
    const end = text.indexOf("\n", offset);
    if (end < 0) {
      return text.length;
    }
    offset = end + 1;
  }
  return offset;
}

/** @param {Element} whole a list or a table @returns {Element} what its items are in */
function itemsOf(whole) {
  return whole.querySelector(":scope > table > tbody") ?? whole;
}
