// A Markdown text that is formatted while it streams.

import { codeBlockFor } from "./code-blocks.js";
import { patchElement, patchItems } from "./dom-patch.js";
import { dropPartialBlockMarker } from "./incomplete-markdown.js";
import { StreamingText } from "./streaming-text.js";

/** @import { CodeBlock } from "./code-blocks.js" */
/** @import { Block, Definitions } from "./markdown.js" */

/** In a list or table with a longer source, only the last items are formatted again. */
const MAX_LIST_LENGTH = 3_000;
/** The rest of a block with a longer source is shown as plain text until the block ends: formatting it again would take too long. */
const MAX_BLOCK_LENGTH = 20_000;
/** After drawing for some time, the next drawing waits this many times as long, so that the page stays responsive. */
const PAUSE_FACTOR = 4;
const FENCE = /^( {0,3})(`{3,}|~{3,})/;
const LIST_TYPES = new Set(["bullet_list_open", "ordered_list_open"]);

/** @type {typeof import("./markdown.js") | null} */
let markdown = null;
const loading = import("./markdown.js").then(
  (module) => (markdown = module),
  (error) => console.error("Texts are shown as plain text until the server has formatted them:", error),
);

/**
 * Formats again only what may still change: the last block, and of a long list or table its last items. In a code block, text is
 * appended. So drawing a delta takes the same time however long the text is.
 */
export class StreamingMarkdown {
  /** The full text. */ #text;
  /** Shows the source until the Markdown parser is loaded. @type {StreamingText | null} */ #plain;
  /** Link definitions of finished blocks. @type {Definitions | null} */ #definitions = null;
  /** The source of what may still change. */ #source = "";
  /** The elements that show #source, with the HTML that they were made from. @type {{element: Element, html: string}[]} */ #shown = [];
  /** The number of finished items in the first of these elements, whose source is not in #source any more. */ #finishedItems = 0;
  /** @type {StreamingCodeBlock | null} */ #codeBlock = null;
  /** Shows the rest of a block that is too long. @type {StreamingText | null} */ #plainRest = null;
  #nextDrawAt = 0;
  #timer = 0;

  /** @param {HTMLElement} element may contain the beginning of the source */
  constructor(element) {
    this.element = element;
    this.#text = element.textContent ?? "";
    element.classList.add("plain");
    this.#plain = new StreamingText(element);
    void loading.then(() => this.#restart());
  }

  /** @param {string} text */
  append(text) {
    this.#text += text;
    this.#source += text;
    this.#plain?.append(text);
  }

  /** Sets the full text, which usually continues what is shown. @param {string} text */
  set(text) {
    if (text.startsWith(this.#text)) {
      this.append(text.slice(this.#text.length));
    } else {
      this.#text = text;
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
    if (start < this.#nextDrawAt) {
      this.#timer = setTimeout(() => this.draw(), this.#nextDrawAt - start);
      return;
    }
    this.#draw(true);
    const end = performance.now();
    this.#nextDrawAt = end + PAUSE_FACTOR * (end - start);
  }

  /** Draws the text for the last time, as nothing more will come. */
  finish() {
    clearTimeout(this.#timer);
    if (this.#plain) {
      this.#plain.draw();
    } else {
      this.#draw(false);
    }
  }

  /** Formats all of the text again. */
  #restart() {
    if (!markdown) {
      return;
    }
    this.element.classList.remove("plain");
    this.element.replaceChildren();
    this.#plain = this.#codeBlock = this.#plainRest = null;
    this.#definitions = new markdown.Definitions();
    this.#shown = [];
    this.#source = this.#text;
    this.#nextDrawAt = 0;
    this.draw();
  }

  /** @param {boolean} isStreaming whether more may come */
  #draw(isStreaming) {
    this.#source = this.#source.replace(/\r\n/g, "\n");
    if ((this.#codeBlock && !this.#fillCodeBlock(isStreaming)) || (this.#plainRest && !this.#fillPlainRest()) || !markdown || !this.#definitions) {
      return;
    }
    const source = isStreaming ? dropPartialBlockMarker(this.#source) : this.#source;
    const blocks = markdown.parseBlocks(source, this.#definitions.fork(), isStreaming);
    blocks.forEach((block, index) => this.#showBlock(block, index));
    this.#shown.splice(blocks.length).forEach(({ element }) => element.remove());
    if (isStreaming && blocks.length) {
      this.#finishBlocks(blocks);
    }
  }

  /** @param {Block} block @param {number} index */
  #showBlock(block, index) {
    const html = markdown?.renderBlock(block) ?? "";
    const shown = this.#shown[index];
    if (shown?.html === html) {
      return;
    }
    const element = markdown?.createElement(html) ?? document.createElement("p");
    if (!shown) {
      this.element.append(element);
      this.#shown[index] = { element, html };
    } else if (index === 0 && this.#finishedItems) {
      patchItems(itemContainer(shown.element), itemContainer(element), this.#finishedItems);
      shown.html = html;
    } else {
      this.#shown[index] = { element: patchElement(shown.element, element), html };
    }
  }

  /** Drops the source of what cannot change any more. @param {Block[]} blocks */
  #finishBlocks(blocks) {
    const last = blocks[blocks.length - 1];
    const start = offsetOfLine(this.#source, last.line);
    if (start > 0 && !this.#source.includes("\n", start)) {
      return; // A line that is not complete may still turn out to belong to the block before.
    }
    if (start > 0) {
      if (markdown && this.#definitions) {
        markdown.parseBlocks(this.#source.slice(0, start), this.#definitions);
      }
      this.#source = this.#source.slice(start);
      this.#shown.splice(0, blocks.length - 1);
      this.#finishedItems = 0;
      last.tokens.forEach((token) => token.map && (token.map = [token.map[0] - last.line, token.map[1] - last.line]));
    }
    if (last.type === "fence") {
      this.#startCodeBlock();
    } else if (LIST_TYPES.has(last.type) && this.#source.length > MAX_LIST_LENGTH) {
      this.#finishItems(last);
    } else if (last.type === "table_open" && this.#source.length > MAX_LIST_LENGTH) {
      this.#finishRows();
    } else if (this.#source.length > MAX_BLOCK_LENGTH) {
      this.#startPlainRest();
    }
  }

  #startCodeBlock() {
    const [, indent, marker] = FENCE.exec(this.#source) ?? [];
    const codeStart = this.#source.indexOf("\n") + 1;
    if (!marker || !codeStart) {
      return;
    }
    const [{ element }] = this.#shown;
    this.#codeBlock = new StreamingCodeBlock(codeBlockFor(/** @type {HTMLElement} */ (element)), indent.length, marker);
    this.#source = this.#source.slice(codeStart);
    if (this.#fillCodeBlock(true)) {
      this.#draw(true);
    }
  }

  /** @param {boolean} isStreaming @returns {boolean} whether the code block has ended */
  #fillCodeBlock(isStreaming) {
    const rest = this.#codeBlock?.append(this.#source, isStreaming) ?? null;
    if (rest === null) {
      this.#source = this.#codeBlock?.undecided ?? "";
      return false;
    }
    this.#source = rest;
    this.#codeBlock = null;
    this.#shown = [];
    return true;
  }

  /** Drops the source of all but the last two items. The one before the last may still become a loose item. @param {Block} list */
  #finishItems({ tokens }) {
    const starts = tokens.filter(({ type, level }) => type === "list_item_open" && level === 1).map(({ map }) => map?.[0] ?? 0);
    if (starts.length > 2) {
      this.#finishedItems += starts.length - 2;
      this.#source = this.#source.slice(offsetOfLine(this.#source, starts[starts.length - 2]));
    }
  }

  /** Drops the source of all rows but the last one; the two lines of the table's head stay. */
  #finishRows() {
    const head = this.#source.slice(0, offsetOfLine(this.#source, 2));
    const rows = this.#source.slice(head.length);
    const start = rows.lastIndexOf("\n", rows.lastIndexOf("\n") - 1) + 1;
    if (start > 0) {
      this.#finishedItems += rows.slice(0, start).split("\n").length - 1;
      this.#source = head + rows.slice(start);
    }
  }

  #startPlainRest() {
    const element = document.createElement("div");
    element.className = "plain";
    this.element.append(element);
    this.#plainRest = new StreamingText(element);
    this.#source = "";
    this.#shown = [];
    this.#finishedItems = 0;
  }

  /** @returns {boolean} whether the block that is too long has ended */
  #fillPlainRest() {
    const end = this.#source.indexOf("\n\n");
    const rest = end < 0 ? "" : this.#source.slice(end);
    this.#plainRest?.append(end < 0 ? this.#source : this.#source.slice(0, end));
    this.#plainRest?.draw();
    this.#source = rest;
    if (rest) {
      this.#plainRest = null;
    }
    return rest !== "";
  }
}

/** A fenced code block whose closing fence has not come yet. */
class StreamingCodeBlock {
  /** An incomplete line that may become the closing fence. */
  undecided = "";
  #isInLine = false;

  /** @param {CodeBlock} block @param {number} indent spaces before the opening fence @param {string} marker the opening fence */
  constructor(block, indent, marker) {
    this.block = block;
    this.indentation = new RegExp(`^ {0,${indent}}`);
    this.closingFence = new RegExp(`^ {0,3}${marker[0]}{${marker.length},}[ \t]*$`);
    this.partialFence = new RegExp(`^ {0,3}${marker[0]}*[ \t]*$`);
    block.set("");
  }

  /**
   * Appends source to the block, except for a last line that is `undecided`.
   * @param {string} source begins with what was undecided
   * @param {boolean} isStreaming whether more may come
   * @returns {string | null} what follows the closing fence; null if there is none
   */
  append(source, isStreaming) {
    this.undecided = "";
    let code = "";
    let start = 0;
    for (let end = source.indexOf("\n"); end >= 0; end = source.indexOf("\n", start)) {
      const line = source.slice(start, end);
      start = end + 1;
      if (!this.#isInLine && this.closingFence.test(line)) {
        this.#finish(code);
        return source.slice(start);
      }
      code += `${this.#withoutIndent(line)}\n`;
      this.#isInLine = false;
    }
    return this.#appendLastLine(code, source.slice(start), isStreaming);
  }

  /** @param {string} code the lines before it @param {string} line without its end @param {boolean} isStreaming */
  #appendLastLine(code, line, isStreaming) {
    if (!isStreaming) {
      const isClosing = !this.#isInLine && this.closingFence.test(line);
      this.#finish(isClosing ? code : code + this.#withoutIndent(line));
      return isClosing ? "" : null;
    }
    if (!this.#isInLine && this.partialFence.test(line)) {
      this.undecided = line;
      this.block.append(code);
    } else {
      this.block.append(code + this.#withoutIndent(line));
      this.#isInLine = true;
    }
    return null;
  }

  /** @param {string} line or a part of it */
  #withoutIndent(line) {
    return this.#isInLine ? line : line.replace(this.indentation, "");
  }

  /** @param {string} code */
  #finish(code) {
    this.block.append(code);
    this.block.finish();
  }
}

/** @param {string} text @param {number} line @returns {number} the index where a line starts */
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

/** @param {Element} block a list or a table @returns {Element} the parent of its items or rows */
function itemContainer(block) {
  return block.querySelector(":scope > table > tbody") ?? block;
}
