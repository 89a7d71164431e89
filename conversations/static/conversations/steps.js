// The steps of a live answer: each takes what the server tells of it, and draws what is new once per frame.

import { GrowingText } from "./growing-text.js";
import { LiveText } from "./live-text.js";
import { copyOf, part } from "./page.js";
import { argumentSummary, closed, duration, prettyJson, say, showAll, thought, toolOutcome } from "./strings.js";

/** @import { Step } from "./wire.js" */

const NEAR = 32;
/** Characters of arguments and results that the server's page shows, and that it knows: the same here. */
const SHOWN_LENGTH = 20_000;
const LOADED_LENGTH = 100_000;

/** A text of the answer: formatted while it comes, and by the server once it is whole. */
class TextStep {
  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
    this.text = new LiveText(part(element, "content"));
  }

  /** @param {Step} step */
  update({ content }) {
    if (content !== undefined) {
      this.text.set(content);
    }
  }

  /** @param {string} piece */
  append(piece) {
    this.text.append(piece);
  }

  draw() {
    this.text.draw();
  }

  end() {
    this.text.finish();
  }
}

/** What the model thinks: open while it comes, then folded, unless the reader has decided otherwise. */
class ThinkingStep {
  #finished = false;
  #decided = false;

  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = /** @type {HTMLDetailsElement} */ (element);
    this.text = new GrowingText(part(element, "content"));
    element.querySelector("summary")?.addEventListener("click", () => (this.#decided = true));
  }

  /** @param {Step} step */
  update({ content, duration: seconds }) {
    if (content !== undefined) {
      this.text.set(content);
    }
    if (typeof seconds === "number") {
      this.#finish(seconds);
    }
  }

  /** @param {string} piece */
  append(piece) {
    this.text.append(piece);
  }

  draw() {
    const { place } = this.text;
    const isAtEnd = place.scrollHeight - place.scrollTop - place.clientHeight < NEAR;
    this.text.draw();
    if (isAtEnd && !this.#finished) {
      place.scrollTop = place.scrollHeight;
    }
  }

  end() {
    if (!this.#finished) {
      this.#finish(null);
    }
  }

  /** @param {number | null} seconds */
  #finish(seconds) {
    part(this.element, "label").textContent = thought(seconds);
    this.element.open &&= this.#decided || this.#finished;
    this.#finished = true;
    delete this.element.dataset.state;
  }
}

/** A call of a tool, and its result. */
class ToolStep {
  #arguments = "";
  #status = "";
  /** The result as far as it is shown, its size, and whether it has grown since it was drawn. @type {{text: string, size: number, isNew: boolean} | null} */
  #result = null;

  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
    this.text = new GrowingText(part(element, "arguments"));
  }

  /** @param {Step} step */
  update({ id, arguments: text, status = "streaming", id_ref: call = "", name = "", progress }) {
    if (text !== undefined) {
      this.#arguments = text;
      this.text.set(text);
    }
    this.element.dataset.call = call;
    part(this.element, "arguments-block").dataset.source = id;
    part(this.element, "name").textContent = name;
    if (status !== "streaming" && (this.#status !== status || text !== undefined)) {
      this.#showWhole();
    }
    this.#status = status;
    if (!this.#result) {
      this.#showStatus(progress ?? "");
    }
  }

  /** @param {string} piece */
  append(piece) {
    this.#arguments += piece;
    this.text.append(piece);
  }

  draw() {
    if (this.#status === "streaming") {
      this.text.draw();
      part(this.element, "summary").textContent = this.#arguments.slice(0, 200);
    }
    if (this.#result?.isNew) {
      this.#result.isNew = false;
      const { text, size } = this.#result;
      showText(this.element, "result", toolOutcome(size > text.length ? closed(text) : text), size, size > text.length);
    }
  }

  /** @param {Step} step */
  addResult({ id, content = "", success, skipped, execution_time: seconds }) {
    this.#result = { text: "", size: 0, isNew: true };
    this.appendResult(content);
    part(this.element, "result-block").dataset.source = id;
    part(this.element, "result-block").hidden = false;
    if (skipped) {
      this.#show("skipped", say("skipped"));
    } else if (success) {
      this.#show("finished", typeof seconds === "number" ? duration(seconds) : "");
    } else {
      this.#show("failed", say("failed"));
    }
  }

  /** @param {string} piece */
  appendResult(piece) {
    if (this.#result) {
      this.#result.text += piece.slice(0, LOADED_LENGTH - this.#result.text.length);
      this.#result.size += piece.length;
      this.#result.isNew = true;
    }
  }

  /** The call is made again. */
  forgetResult() {
    this.#result = null;
    part(this.element, "result-block").hidden = true;
    this.#showStatus("");
  }

  end() {
    if (!this.#result) {
      this.#show("stopped", say("stopped"));
    }
  }

  #showWhole() {
    const known = this.#arguments.slice(0, LOADED_LENGTH);
    part(this.element, "summary").textContent = argumentSummary(known);
    showText(this.element, "arguments", prettyJson(known), this.#arguments.length, known !== this.#arguments);
  }

  /** @param {string} progress */
  #showStatus(progress) {
    this.#show(this.#status, this.#status === "awaiting_approval" ? say("waiting") : "", progress);
  }

  /** @param {string} state @param {string} outcome @param {string} [progress] */
  #show(state, outcome, progress = "") {
    this.element.dataset.state = state;
    part(this.element, "outcome").textContent = outcome;
    const line = part(this.element, "progress");
    line.textContent = progress;
    line.hidden = !progress;
  }
}

/**
 * Shows the beginning of a text, and a button that leads to the whole if that is not all.
 * @param {HTMLElement} element
 * @param {"arguments" | "result"} name
 * @param {string} text
 * @param {number} size of the whole
 * @param {boolean} isPart whether even `text` is not the whole
 */
function showText(element, name, text, size, isPart) {
  const isCut = isPart || text.length > SHOWN_LENGTH;
  const more = part(element, `all-${name}`);
  part(element, name).textContent = text.slice(0, SHOWN_LENGTH);
  more.hidden = !isCut;
  more.textContent = isCut ? showAll(size) : "";
}

const KINDS = { text: TextStep, thinking: ThinkingStep, tool_call: ToolStep };

/** @typedef {TextStep | ThinkingStep | ToolStep} StepView */

/**
 * @param {"text" | "thinking" | "tool_call"} type
 * @param {HTMLElement | null} element what the server has drawn of it, if it has
 * @returns {StepView}
 */
export function makeStep(type, element) {
  return new KINDS[type](element ?? copyOf("blank-steps", `[data-type="${type}"]`));
}

export { ToolStep };
