// Code blocks: syntax highlighting, and buttons that copy the code and wrap long lines.

import { copyText } from "./clipboard.js";
import { highlight } from "./highlight-worker.js";
import { runWhenIdle } from "./idle-queue.js";
import { translate } from "./strings.js";

const CHUNK_LINES = 40;
/** A streaming block is highlighted after each change up to this length, then only after it has grown by a factor. */
const MAX_EAGER_LENGTH = 2_000;
const HIGHLIGHT_GROWTH = 1.15;
const COPIED_SHOWN_MS = 2_000;

/** @type {WeakMap<Element, CodeBlock>} */
const blocks = new WeakMap();

/** Returns the code block of an element, which is created at the first call. @param {HTMLElement} element `.code` @returns {CodeBlock} */
export function codeBlockFor(element) {
  const block = blocks.get(element) ?? new CodeBlock(element);
  blocks.set(element, block);
  return block;
}

/** @param {Element} element `.code` @returns {string} */
export function codeOf(element) {
  return blocks.get(element)?.text ?? element.querySelector("code")?.textContent ?? "";
}

/** Shows the code in chunks of lines with an element each, so that a change in one chunk leaves the layout of the others as it is. */
export class CodeBlock {
  text = "";
  /** `key` identifies the highlighting that is shown. @type {{element: HTMLElement, text: string, lines: number, key: string}[]} */
  #chunks = [];
  #language;
  #highlightedLength = 0;
  #isHighlighting = false;
  #isFinished = false;

  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
    this.code = /** @type {HTMLElement} */ (element.querySelector("code"));
    this.#language = (element.dataset.language ?? "").toLowerCase();
    element.append(createTools(this));
    this.set(this.code.textContent ?? "");
    this.finish();
  }

  /** Sets the full code, which usually continues what is shown. @param {string} text */
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

  /** @param {string} text */
  append(text) {
    this.text += text;
    for (const line of text.match(/[^\n]*\n|[^\n]+/g) ?? []) {
      this.#appendLine(line);
    }
    this.#isFinished = false;
    this.#highlight();
  }

  /** Highlights all of the code, as no more is expected. */
  finish() {
    this.#isFinished = true;
    this.#highlight();
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
    const shown = trimFullChunk(line, chunk.lines);
    const last = chunk.element.lastChild;
    if (last instanceof Text) {
      last.appendData(shown);
    } else {
      chunk.element.append(shown);
    }
  }

  #highlight() {
    const isDue = this.#isFinished || this.text.length < MAX_EAGER_LENGTH || this.text.length > this.#highlightedLength * HIGHLIGHT_GROWTH;
    if (!this.#language || this.#isHighlighting || !isDue || this.text.length === this.#highlightedLength) {
      return;
    }
    const { text } = this;
    this.#isHighlighting = true;
    this.#highlightedLength = text.length;
    void highlight(text, this.#language, CHUNK_LINES).then((chunks) => {
      runWhenIdle(chunks.map((spans, index) => () => this.#showHighlighted(index, spans)));
      runWhenIdle([
        () => {
          this.#isHighlighting = false;
          this.#highlight();
        },
      ]);
    });
  }

  /** @param {number} index of a chunk @param {string[]} spans alternating class names and texts */
  #showHighlighted(index, spans) {
    const chunk = this.#chunks[index];
    const key = spans.join("\0");
    const highlighted = spans.filter((_span, position) => position % 2).join("");
    if (!chunk || chunk.key === key || !chunk.text.startsWith(highlighted)) {
      return;
    }
    chunk.key = key;
    const rest = chunk.text.slice(highlighted.length);
    const nodes = [];
    for (let position = 0; position < spans.length; position += 2) {
      const isLast = !rest && position === spans.length - 2;
      nodes.push(createSpan(spans[position], isLast ? trimFullChunk(spans[position + 1], chunk.lines) : spans[position + 1]));
    }
    chunk.element.replaceChildren(...nodes, trimFullChunk(rest, chunk.lines));
  }
}

/**
 * Drops the last line end of a full chunk, which would be copied as an empty line, since the chunk's element is a block.
 * @param {string} text
 * @param {number} lines of the chunk
 */
function trimFullChunk(text, lines) {
  return lines === CHUNK_LINES && text.endsWith("\n") ? text.slice(0, -1) : text;
}

/** @param {string} className "" for plain text @param {string} text */
function createSpan(className, text) {
  if (!className) {
    return text;
  }
  const span = document.createElement("span");
  span.className = className;
  span.textContent = text;
  return span;
}

/** @param {CodeBlock} block */
function createTools(block) {
  const tools = document.createElement("div");
  tools.className = "code-tools";
  const wrapButton = createButton("wrap_code", () => wrapButton.setAttribute("aria-pressed", String(block.element.classList.toggle("wrapped"))));
  wrapButton.setAttribute("aria-pressed", "false");
  const copyButton = createButton("copy_code", async () => {
    await copyText(block.text).then(
      () => (copyButton.textContent = translate("code_copied")),
      () => (copyButton.textContent = translate("code_not_copied")),
    );
    setTimeout(() => (copyButton.textContent = translate("copy_code")), COPIED_SHOWN_MS);
  });
  tools.append(wrapButton, copyButton);
  return tools;
}

/** @param {string} label a key of translate() @param {() => void} onClick */
function createButton(label, onClick) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = translate(label);
  button.addEventListener("click", onClick);
  return button;
}
