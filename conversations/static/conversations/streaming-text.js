// A plain text that is shown while it streams.

const MIN_BLOCK_LENGTH = 500;

/**
 * Divides the text into blocks that end at line ends, and appends only to the last one. So drawing a delta takes the same time
 * however long the text is.
 */
export class StreamingText {
  /** The text node of the last block. @type {Text | null} */ #last = null;
  /** What is not drawn yet. */ #pending = "";

  /** @param {HTMLElement} element may contain the beginning of the text */
  constructor(element) {
    this.element = element;
    this.#pending = element.textContent ?? "";
    element.replaceChildren();
    this.draw();
  }

  /** @param {string} text */
  append(text) {
    this.#pending += text;
  }

  /** Sets the full text, which usually continues what is shown. @param {string} text */
  set(text) {
    const drawn = this.element.textContent ?? "";
    if (text.startsWith(drawn)) {
      this.#pending = text.slice(drawn.length);
    } else {
      this.element.replaceChildren();
      this.#last = null;
      this.#pending = text;
    }
  }

  draw() {
    let rest = this.#pending;
    this.#pending = "";
    while (rest) {
      const missing = MIN_BLOCK_LENGTH - (this.#last?.length ?? MIN_BLOCK_LENGTH);
      const end = rest.indexOf("\n", Math.max(0, missing));
      const text = end < 0 ? rest : rest.slice(0, end + 1);
      if (!this.#last) {
        const block = document.createElement("div");
        this.#last = block.appendChild(document.createTextNode(""));
        this.element.append(block);
      }
      this.#last.appendData(text);
      rest = rest.slice(text.length);
      if (end >= 0) {
        this.#last = null;
      }
    }
  }
}
