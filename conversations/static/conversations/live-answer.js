// The answer of a live run, which shows the run's steps as they stream.

import { getPart } from "./dom.js";
import { startCountdown } from "./retry-countdown.js";
import { createStepView, ToolStepView } from "./steps.js";
import { translate } from "./strings.js";

/** @import { RunDone, RunError, Step } from "./protocol.js" */
/** @import { StepView } from "./steps.js" */

export class LiveAnswer {
  /** @type {Map<string, {index: number, type: string, view: StepView}>} */ #steps = new Map();
  /** Ids of the steps shown before a replay that the server has not sent again yet. @type {Set<string>} */ #unconfirmed = new Set();
  /** Tool results, with the view of their call. @type {Map<string, {index: number, view: ToolStepView}>} */ #results = new Map();
  /** @type {Set<StepView>} */ #changedViews = new Set();
  #frame = 0;

  /** @param {string} runId @param {HTMLElement} element the message, in which the server may have rendered steps */
  constructor(runId, element) {
    this.runId = runId;
    this.element = element;
    this.stepList = getPart(element, "steps");
    for (const stepElement of /** @type {NodeListOf<HTMLElement>} */ (this.stepList.querySelectorAll("[data-step]"))) {
      const { step: id = "", type } = stepElement.dataset;
      this.#addStep(id, Number(id.replace("step-", "")), /** @type {any} */ (type), stepElement);
    }
  }

  /** Prepares for the server to send all steps from the start. The steps on the page stay until they are sent again or turn out to be gone. */
  startReplay() {
    this.#unconfirmed = new Set(this.#steps.keys());
    this.element.dataset.status = "streaming";
    this.element.setAttribute("aria-busy", "true");
  }

  /** Adds a step or updates it. @param {Step} step */
  showStep(step) {
    this.#unconfirmed.delete(step.id);
    this.#removeUnconfirmed(step.index);
    if (step.type === "tool_result") {
      this.#showResult(step);
      return;
    }
    const known = this.#steps.get(step.id);
    if (known && known.type !== step.type) {
      this.#removeStep(step.id);
    }
    const view = this.#steps.get(step.id)?.view ?? this.#addStep(step.id, step.index, step.type, null);
    view.update(step);
    this.#scheduleDraw(view);
  }

  /** Appends to a step's content, or to a tool call's arguments. @param {string} id @param {string} text */
  append(id, text) {
    this.#removeUnconfirmed(Infinity);
    const view = this.#steps.get(id)?.view;
    const callView = this.#results.get(id)?.view;
    view?.append(text);
    callView?.appendResult(text);
    const changed = view ?? callView;
    if (changed) {
      this.#scheduleDraw(changed);
    }
  }

  /** Removes the steps with this index and above. @param {number} index */
  removeStepsFrom(index) {
    for (const [id, result] of this.#results) {
      if (result.index >= index) {
        this.#results.delete(id);
        result.view.removeResult();
      }
    }
    for (const [id, step] of this.#steps) {
      if (step.index >= index) {
        this.#removeStep(id);
      }
    }
  }

  /** Shows how the run has ended. @param {RunDone | RunError} outcome */
  end(outcome) {
    this.#removeUnconfirmed(Infinity);
    this.#draw();
    this.#steps.forEach(({ view }) => view.end());
    this.element.removeAttribute("aria-busy");
    if ("code" in outcome) {
      this.element.dataset.status = "failed";
      this.#showFailure(outcome);
    } else {
      this.element.dataset.status = outcome.status;
      const ending = getPart(this.element, "ending");
      ending.textContent = translate(outcome.finish_reason);
      ending.hidden = !ending.textContent;
    }
  }

  /** @param {RunError} error */
  #showFailure({ code, content, retryable, retry_after: retryAfter }) {
    getPart(this.element, "reason").textContent = translate(`error_${code}`) || content;
    const retryButton = /** @type {HTMLButtonElement} */ (getPart(this.element, "retry"));
    retryButton.hidden = !retryable;
    if (retryAfter) {
      startCountdown(retryButton, retryAfter);
    }
    getPart(this.element, "failure").hidden = false;
  }

  /** Shows a tool's result in the view of its call. @param {Step} step */
  #showResult(step) {
    for (const { view } of this.#steps.values()) {
      if (view instanceof ToolStepView && view.element.dataset.call === step.id_ref) {
        this.#results.set(step.id, { index: step.index, view });
        view.showResult(step);
        this.#scheduleDraw(view);
      }
    }
  }

  /**
   * @param {string} id
   * @param {number} index
   * @param {"text" | "thinking" | "tool_call"} type
   * @param {HTMLElement | null} element the server's rendering; null creates an element
   */
  #addStep(id, index, type, element) {
    const view = createStepView(type, element);
    if (!element) {
      const next = [...this.#steps.values()].find((step) => step.index > index);
      view.element.dataset.step = id;
      this.stepList.insertBefore(view.element, next?.view.element ?? null);
    }
    this.#steps.set(id, { index, type, view });
    return view;
  }

  /** @param {string} id */
  #removeStep(id) {
    this.#steps.get(id)?.view.element.remove();
    this.#steps.delete(id);
    this.#unconfirmed.delete(id);
  }

  /** Removes unconfirmed steps below an index: steps are sent in order, so those will not come. @param {number} index */
  #removeUnconfirmed(index) {
    for (const id of this.#unconfirmed) {
      if ((this.#steps.get(id)?.index ?? 0) < index) {
        this.#removeStep(id);
      }
    }
  }

  /** Draws a view with the next animation frame. @param {StepView} view */
  #scheduleDraw(view) {
    this.#changedViews.add(view);
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#changedViews.forEach((view) => view.draw());
    this.#changedViews.clear();
  }
}
