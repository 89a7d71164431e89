// The views of a live answer's steps, which collect deltas and draw them once per animation frame.

import { cloneTemplate, getPart } from "./dom.js";
import { StreamingMarkdown } from "./streaming-markdown.js";
import { StreamingText } from "./streaming-text.js";
import {
  closeTruncatedJson,
  formatDuration,
  prettyJson,
  showAllLabel,
  summarizeArguments,
  thinkingLabel,
  toolResultText,
  translate,
} from "./strings.js";

/** @import { Step } from "./protocol.js" */

const NEAR_END_PX = 32;
const MAX_SUMMARY_LENGTH = 200;
/** How many characters of arguments and results are shown at first, and kept for that. The server's rendering has the same limits. */
const MAX_SHOWN_LENGTH = 20_000;
const MAX_KEPT_LENGTH = 100_000;

/** A text of the answer, formatted as Markdown. */
class TextStepView {
  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
    this.text = new StreamingMarkdown(getPart(element, "content"));
  }

  /** @param {Step} step */
  update({ content }) {
    if (content !== undefined) {
      this.text.set(content);
    }
  }

  /** @param {string} text */
  append(text) {
    this.text.append(text);
  }

  draw() {
    this.text.draw();
  }

  end() {
    this.text.finish();
  }
}

/** The model's thinking: open while it streams, then closed unless the user has clicked on it. */
class ThinkingStepView {
  #isFinished = false;
  #wasClicked = false;

  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = /** @type {HTMLDetailsElement} */ (element);
    this.content = getPart(element, "content");
    this.text = new StreamingText(this.content);
    element.querySelector("summary")?.addEventListener("click", () => (this.#wasClicked = true));
  }

  /** @param {Step} step */
  update({ content, duration }) {
    if (content !== undefined) {
      this.text.set(content);
    }
    if (typeof duration === "number") {
      this.#finish(duration);
    }
  }

  /** @param {string} text */
  append(text) {
    this.text.append(text);
  }

  draw() {
    const { content } = this;
    const isAtEnd = content.scrollHeight - content.scrollTop - content.clientHeight < NEAR_END_PX;
    this.text.draw();
    if (isAtEnd && !this.#isFinished) {
      content.scrollTop = content.scrollHeight;
    }
  }

  end() {
    if (!this.#isFinished) {
      this.#finish(null);
    }
  }

  /** @param {number | null} seconds */
  #finish(seconds) {
    getPart(this.element, "label").textContent = thinkingLabel(seconds);
    this.element.open &&= this.#wasClicked || this.#isFinished;
    this.#isFinished = true;
    delete this.element.dataset.state;
  }
}

/** A tool call and its result. */
class ToolStepView {
  #arguments = "";
  #status = "";
  /**
   * The beginning of the result, its full length, and whether it has changed since it was drawn.
   * @type {{text: string, length: number, isChanged: boolean} | null}
   */
  #result = null;

  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
    this.text = new StreamingText(getPart(element, "arguments"));
  }

  /** @param {Step} step */
  update({ id, arguments: text, status = "streaming", id_ref: callId = "", name = "", progress }) {
    if (text !== undefined) {
      this.#arguments = text;
      this.text.set(text);
    }
    this.element.dataset.call = callId;
    getPart(this.element, "arguments-block").dataset.source = id;
    getPart(this.element, "name").textContent = name;
    if (status !== "streaming" && (this.#status !== status || text !== undefined)) {
      this.#showCompleteArguments();
    }
    this.#status = status;
    if (!this.#result) {
      this.#showStatus(progress ?? "");
    }
  }

  /** @param {string} text */
  append(text) {
    this.#arguments += text;
    this.text.append(text);
  }

  draw() {
    if (this.#status === "streaming") {
      this.text.draw();
      getPart(this.element, "summary").textContent = this.#arguments.slice(0, MAX_SUMMARY_LENGTH);
    }
    if (this.#result?.isChanged) {
      this.#result.isChanged = false;
      const { text, length } = this.#result;
      const isTruncated = length > text.length;
      showBeginning(this.element, "result", toolResultText(isTruncated ? closeTruncatedJson(text) : text), length, isTruncated);
    }
  }

  /** @param {Step} step of type tool_result */
  showResult({ id, content = "", success, skipped, execution_time: seconds }) {
    this.#result = { text: "", length: 0, isChanged: true };
    this.appendResult(content);
    getPart(this.element, "result-block").dataset.source = id;
    getPart(this.element, "result-block").hidden = false;
    if (skipped) {
      this.#showState("skipped", translate("skipped"));
    } else if (success) {
      this.#showState("finished", typeof seconds === "number" ? formatDuration(seconds) : "");
    } else {
      this.#showState("failed", translate("failed"));
    }
  }

  /** @param {string} text */
  appendResult(text) {
    if (this.#result) {
      this.#result.text += text.slice(0, MAX_KEPT_LENGTH - this.#result.text.length);
      this.#result.length += text.length;
      this.#result.isChanged = true;
    }
  }

  removeResult() {
    this.#result = null;
    getPart(this.element, "result-block").hidden = true;
    this.#showStatus("");
  }

  end() {
    if (!this.#result) {
      this.#showState("stopped", translate("stopped"));
    }
  }

  #showCompleteArguments() {
    const kept = this.#arguments.slice(0, MAX_KEPT_LENGTH);
    getPart(this.element, "summary").textContent = summarizeArguments(kept);
    showBeginning(this.element, "arguments", prettyJson(kept), this.#arguments.length, kept !== this.#arguments);
  }

  /** @param {string} progress */
  #showStatus(progress) {
    this.#showState(this.#status, this.#status === "awaiting_approval" ? translate("waiting") : "", progress);
  }

  /** @param {string} state @param {string} outcome @param {string} [progress] */
  #showState(state, outcome, progress = "") {
    this.element.dataset.state = state;
    getPart(this.element, "outcome").textContent = outcome;
    const progressLine = getPart(this.element, "progress");
    progressLine.textContent = progress;
    progressLine.hidden = !progress;
  }
}

/**
 * Shows the beginning of a text, and a button that shows all of it if that is longer.
 * @param {HTMLElement} element
 * @param {"arguments" | "result"} name
 * @param {string} text
 * @param {number} fullLength
 * @param {boolean} isTruncated whether `text` is itself only the beginning
 */
function showBeginning(element, name, text, fullLength, isTruncated) {
  const isLonger = isTruncated || text.length > MAX_SHOWN_LENGTH;
  const button = getPart(element, `all-${name}`);
  getPart(element, name).textContent = text.slice(0, MAX_SHOWN_LENGTH);
  button.hidden = !isLonger;
  button.textContent = isLonger ? showAllLabel(fullLength) : "";
}

const VIEW_CLASSES = { text: TextStepView, thinking: ThinkingStepView, tool_call: ToolStepView };

/** @typedef {TextStepView | ThinkingStepView | ToolStepView} StepView */

/**
 * @param {"text" | "thinking" | "tool_call"} type
 * @param {HTMLElement | null} element the server's rendering of the step, if there is one
 * @returns {StepView}
 */
export function createStepView(type, element) {
  return new VIEW_CLASSES[type](element ?? cloneTemplate("blank-steps", `[data-type="${type}"]`));
}

export { ToolStepView };
