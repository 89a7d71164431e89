// One live answer: the steps of a run, as the server tells them, in the message that shows them.

import { part } from "./page.js";
import { retryAfter } from "./retries.js";
import { makeStep, ToolStep } from "./steps.js";
import { say } from "./strings.js";

/** @import { RunDone, RunError, Step } from "./wire.js" */
/** @import { StepView } from "./steps.js" */

export class Answer {
  /** @type {Map<string, {index: number, type: string, view: StepView}>} */ #steps = new Map();
  /** Steps from before the run was told anew, which it has not told again yet. @type {Set<string>} */ #untold = new Set();
  /** The calls that have a result, by the result's own step. @type {Map<string, {index: number, call: ToolStep}>} */ #results = new Map();
  /** @type {Set<StepView>} */ #changed = new Set();
  #frame = 0;

  /** @param {string} runId @param {HTMLElement} element the message, which may show steps already */
  constructor(runId, element) {
    this.runId = runId;
    this.element = element;
    this.place = part(element, "steps");
    for (const drawn of /** @type {NodeListOf<HTMLElement>} */ (this.place.querySelectorAll("[data-step]"))) {
      const { step: id = "", type } = drawn.dataset;
      this.#add(id, Number(id.replace("step-", "")), /** @type {any} */ (type), drawn);
    }
  }

  /** The run is about to be told from its first step: what is here stays until it is told again, or turns out to be gone. */
  retell() {
    this.#untold = new Set(this.#steps.keys());
    this.element.dataset.status = "streaming";
    this.element.setAttribute("aria-busy", "true");
  }

  /** @param {Step} step */
  showStep(step) {
    this.#forget(step.index, step.id);
    if (step.type === "tool_result") {
      this.#addResult(step);
      return;
    }
    const known = this.#steps.get(step.id);
    if (known && known.type !== step.type) {
      this.#remove(step.id);
    }
    const view = this.#steps.get(step.id)?.view ?? this.#add(step.id, step.index, step.type, null);
    view.update(step);
    this.#draw(view);
  }

  /** @param {string} id @param {string} text */
  append(id, text) {
    this.#forget(Infinity);
    const view = this.#steps.get(id)?.view;
    const call = this.#results.get(id)?.call;
    view?.append(text);
    call?.appendResult(text);
    if (view ?? call) {
      this.#draw(/** @type {StepView} */ (view ?? call));
    }
  }

  /** @param {number} index the first of the steps that are void */
  reset(index) {
    for (const [id, result] of this.#results) {
      if (result.index >= index) {
        this.#results.delete(id);
        result.call.forgetResult();
      }
    }
    for (const [id, step] of this.#steps) {
      if (step.index >= index) {
        this.#remove(id);
      }
    }
  }

  /** The run has ended; what the server makes of it can take this element's place. @param {RunDone | RunError} outcome */
  end(outcome) {
    this.#forget(Infinity);
    this.drawAll();
    this.#steps.forEach(({ view }) => view.end());
    this.element.removeAttribute("aria-busy");
    if ("code" in outcome) {
      this.element.dataset.status = "failed";
      this.#fail(outcome);
    } else {
      this.element.dataset.status = outcome.status;
      const ending = part(this.element, "ending");
      ending.textContent = say(outcome.finish_reason);
      ending.hidden = !ending.textContent;
    }
  }

  drawAll() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#changed.forEach((view) => view.draw());
    this.#changed.clear();
  }

  /** @param {RunError} error */
  #fail({ code, content, retryable, retry_after: wait }) {
    part(this.element, "reason").textContent = say(`error_${code}`) || content;
    const retry = /** @type {HTMLButtonElement} */ (part(this.element, "retry"));
    retry.hidden = !retryable;
    if (wait) {
      retryAfter(retry, wait);
    }
    part(this.element, "failure").hidden = false;
  }

  /** @param {Step} step */
  #addResult(step) {
    for (const { view } of this.#steps.values()) {
      if (view instanceof ToolStep && view.element.dataset.call === step.id_ref) {
        this.#results.set(step.id, { index: step.index, call: view });
        view.addResult(step);
        this.#draw(view);
      }
    }
  }

  /** @param {string} id @param {number} index @param {"text" | "thinking" | "tool_call"} type @param {HTMLElement | null} drawn */
  #add(id, index, type, drawn) {
    const view = makeStep(type, drawn);
    if (!drawn) {
      const next = [...this.#steps.values()].find((step) => step.index > index);
      view.element.dataset.step = id;
      this.place.insertBefore(view.element, next?.view.element ?? null);
    }
    this.#steps.set(id, { index, type, view });
    return view;
  }

  /** @param {string} id */
  #remove(id) {
    this.#steps.get(id)?.view.element.remove();
    this.#steps.delete(id);
    this.#untold.delete(id);
  }

  /** Steps come in order: those before this one that were not told again are gone. @param {number} index @param {string} [told] */
  #forget(index, told = "") {
    this.#untold.delete(told);
    for (const id of this.#untold) {
      if ((this.#steps.get(id)?.index ?? 0) < index) {
        this.#remove(id);
      }
    }
  }

  /** @param {StepView} view */
  #draw(view) {
    this.#changed.add(view);
    this.#frame ||= requestAnimationFrame(() => this.drawAll());
  }
}
