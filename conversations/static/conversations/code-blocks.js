// Code blocks: coloured, copied, and with their long lines wrapped if one wants.

import { copy } from "./clipboard.js";
import { highlight } from "./highlighting.js";
import { whenIdle } from "./idle.js";
import { say } from "./strings.js";

const CHUNK_LINES = 40;
/** A growing block is coloured anew when so much of it has come: the whole is looked through each time. */
const GROWTH = 1.15;
const SHORT = 2_000;
const COPIED_FOR = 2_000;

/** @type {WeakMap<Element, CodeBlock>} */
const blocks = new WeakMap();

/** @param {HTMLElement} element `.code` @returns {CodeBlock} */
export function codeBlockOf(element) {
  const block = blocks.get(element) ?? new CodeBlock(element);
  blocks.set(element, block);
  return block;
}

/** @param {Element} element `.code` @returns {string} */
export function codeOf(element) {
  return blocks.get(element)?.text ?? element.querySelector("code")?.textContent ?? "";
}

/**
 * The code stands in chunks of lines, each a block of its own, so that what is appended or coloured in one leaves the
 * others as they are.
 */
export class CodeBlock {
  text = "";
  /** @type {{element: HTMLElement, text: string, lines: number, key: string}[]} */ #chunks = [];
  #language;
  #highlightedLength = 0;
  #isHighlighting = false;
  #isFinished = false;

  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
    this.code = /** @type {HTMLElement} */ (element.querySelector("code"));
    this.#language = (element.dataset.language ?? "").toLowerCase();
    element.append(tools(this));
    this.set(this.code.textContent ?? "");
    this.finish();
  }

  /** @param {string} text the whole, which mostly begins as it stands */
  set(text) {
    if (this.#chunks.length && text.startsWith(this.text)) {
      this.append(text.slice(this.text.length));
      return;
    }
    this.text = "";
    this.#chunks = [];
    this.#highlightedLength = 0;
    this.code.replaceChildren();
    this.append(text);
  }

  /** @param {string} piece */
  append(piece) {
    this.text += piece;
    for (const line of piece.match(/[^\n]*\n|[^\n]+/g) ?? []) {
      this.#appendLine(line);
    }
    this.#isFinished = false;
    this.#colour();
  }

  /** Nothing more will come, for now. */
  finish() {
    this.#isFinished = true;
    this.#colour();
  }

  /** @param {string} line or a part of it */
  #appendLine(line) {
    let chunk = this.#chunks[this.#chunks.length - 1];
    if (!chunk || chunk.lines === CHUNK_LINES) {
      const element = document.createElement("span");
      element.className = "chunk";
      this.code.append(element);
      chunk = { element, text: "", lines: 0, key: "" };
      this.#chunks.push(chunk);
    }
    chunk.text += line;
    chunk.lines += line.endsWith("\n") ? 1 : 0;
    const shown = withoutEnd(line, chunk.lines);
    const last = chunk.element.lastChild;
    if (last instanceof Text) {
      last.appendData(shown);
    } else {
      chunk.element.append(shown);
    }
  }

  #colour() {
    const isDue = this.#isFinished || this.text.length < SHORT || this.text.length > this.#highlightedLength * GROWTH;
    if (!this.#language || this.#isHighlighting || !isDue || this.text.length === this.#highlightedLength) {
      return;
    }
    const { text } = this;
    this.#isHighlighting = true;
    this.#highlightedLength = text.length;
    void highlight(text, this.#language, CHUNK_LINES).then((chunks) => {
      whenIdle(chunks.map((runs, index) => () => this.#paint(index, runs)));
      whenIdle([
        () => {
          this.#isHighlighting = false;
          this.#colour();
        },
      ]);
    });
  }

  /** @param {number} index of a chunk @param {string[]} runs a class and a text, and so on */
  #paint(index, runs) {
    const chunk = this.#chunks[index];
    const key = runs.join("\0");
    const coloured = runs.filter((_run, position) => position % 2).join("");
    if (!chunk || chunk.key === key || !chunk.text.startsWith(coloured)) {
      return;
    }
    chunk.key = key;
    const rest = chunk.text.slice(coloured.length);
    const nodes = [];
    for (let position = 0; position < runs.length; position += 2) {
      const isLast = !rest && position === runs.length - 2;
      nodes.push(run(runs[position], isLast ? withoutEnd(runs[position + 1], chunk.lines) : runs[position + 1]));
    }
    chunk.element.replaceChildren(...nodes, withoutEnd(rest, chunk.lines));
  }
}

/** The last line of a full chunk ends with it: one more line end would be copied as an empty line. @param {string} text @param {number} lines */
function withoutEnd(text, lines) {
  return lines === CHUNK_LINES && text.endsWith("\n") ? text.slice(0, -1) : text;
}

/** @param {string} kind @param {string} text */
function run(kind, text) {
  if (!kind) {
    return text;
  }
  const element = document.createElement("span");
  element.className = kind;
  element.textContent = text;
  return element;
}

/** @param {CodeBlock} block */
function tools(block) {
  const place = document.createElement("div");
  place.className = "code-tools";
  const wrap = button("wrap_code", () => wrap.setAttribute("aria-pressed", String(block.element.classList.toggle("wrapped"))));
  wrap.setAttribute("aria-pressed", "false");
  const copier = button("copy_code", async () => {
    await copy(block.text).then(
      () => (copier.textContent = say("code_copied")),
      () => (copier.textContent = say("code_not_copied")),
    );
    setTimeout(() => (copier.textContent = say("copy_code")), COPIED_FOR);
  });
  place.append(wrap, copier);
  return place;
}

/** @param {string} name @param {() => void} press */
function button(name, press) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = say(name);
  made.addEventListener("click", press);
  return made;
}
