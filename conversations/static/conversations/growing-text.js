// A plain text that only grows.

const BLOCK_LENGTH = 500;

/**
 * What was drawn is never touched again: it stands in blocks that end at line ends, so that drawing a piece costs what
 * the piece and the last block do, however long the whole is.
 */
export class GrowingText {
  /** @type {Text | null} */ #last = null;
  #new = "";

  /** @param {HTMLElement} place whose text may have begun already */
  constructor(place) {
    this.place = place;
    this.#new = place.textContent ?? "";
    place.replaceChildren();
    this.draw();
  }

  /** @param {string} piece */
  append(piece) {
    this.#new += piece;
  }

  /** @param {string} text the whole, which mostly begins as it stands */
  set(text) {
    const drawn = this.place.textContent ?? "";
    if (text.startsWith(drawn)) {
      this.#new = text.slice(drawn.length);
    } else {
      this.place.replaceChildren();
      this.#last = null;
      this.#new = text;
    }
  }

  draw() {
    let rest = this.#new;
    this.#new = "";
    while (rest) {
      const room = BLOCK_LENGTH - (this.#last?.length ?? BLOCK_LENGTH);
      const end = rest.indexOf("\n", Math.max(0, room));
      const piece = end < 0 ? rest : rest.slice(0, end + 1);
      this.#block().appendData(piece);
      rest = rest.slice(piece.length);
      if (end >= 0) {
        this.#last = null;
      }
    }
  }

  #block() {
    if (!this.#last) {
      const block = document.createElement("div");
      this.#last = block.appendChild(document.createTextNode(""));
      this.place.append(block);
    }
    return this.#last;
  }
}
