// A question being edited in its place. What was typed is kept until the server has acknowledged it, or it is cancelled.

import { RequestRefused } from "./connection.js";
import { newRequestId } from "./drafts.js";
import { copyOf, part } from "./page.js";
import { sentenceOf } from "./errors.js";

/** @import { Drafts } from "./drafts.js" */

const SAVE_AFTER = 200;
const IME_KEY = 229;

export class QuestionEditor {
  #saveTimer = 0;
  #isSending = false;
  /** @type {{id: string, text: string} | null} */ #request = null;

  /**
   * @param {HTMLElement} question
   * @param {Drafts} drafts
   * @param {(text: string, requestId: string) => Promise<void>} send rejects with RequestRefused
   */
  constructor(question, drafts, send) {
    this.question = question;
    this.id = question.dataset.message ?? "";
    this.drafts = drafts;
    this.send = send;
    this.bubble = part(question, "text");
    this.form = /** @type {HTMLFormElement} */ (copyOf("blank-editor", "form"));
    this.field = /** @type {HTMLTextAreaElement} */ (part(this.form, "field"));
    const { text, request } = drafts.load(this.id);
    this.#request = request;
    this.field.value = text || (this.bubble.textContent ?? "");
    this.#listen();
    this.bubble.after(this.form);
    question.classList.add("editing");
    this.#resize();
  }

  focus() {
    this.field.focus({ preventScroll: true });
    this.field.setSelectionRange(this.field.value.length, this.field.value.length);
    this.form.scrollIntoView({ block: "nearest" });
  }

  #listen() {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
    part(this.form, "cancel").addEventListener("click", () => this.#cancel());
    this.field.addEventListener("keydown", (event) => this.#pressed(event));
    this.field.addEventListener("input", () => {
      this.#resize();
      this.#saveTimer ||= setTimeout(() => this.#save(), SAVE_AFTER);
    });
    addEventListener("pagehide", () => this.form.isConnected && this.#saveTimer && this.#save());
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.isComposing || event.keyCode === IME_KEY) {
      return;
    }
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      void this.#submit();
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      this.#cancel();
    }
  }

  async #submit() {
    const text = this.field.value;
    if (!text.trim() || this.#isSending) {
      return;
    }
    this.#request = this.#request?.text === text ? this.#request : { id: newRequestId(), text };
    this.#setSending(true);
    this.#save();
    try {
      await this.send(text, this.#request.id);
      this.#forget();
    } catch (error) {
      this.#request = null;
      this.#setSending(false);
      this.#save();
      if (!(error instanceof RequestRefused)) {
        throw error;
      }
      this.#complain(sentenceOf(error));
    }
  }

  /** @param {string} sentence */
  #complain(sentence) {
    const complaint = part(this.form, "complaint");
    complaint.textContent = sentence;
    complaint.hidden = false;
    this.field.focus({ preventScroll: true });
  }

  /** @param {boolean} isSending */
  #setSending(isSending) {
    this.#isSending = isSending;
    /** @type {HTMLButtonElement} */ (part(this.form, "submit")).disabled = isSending;
    part(this.form, "complaint").hidden = true;
  }

  #cancel() {
    this.#forget();
    this.form.remove();
    this.question.classList.remove("editing");
    /** @type {HTMLElement | null} */ (this.question.querySelector('[data-action="edit"]'))?.focus({ preventScroll: true });
  }

  #forget() {
    clearTimeout(this.#saveTimer);
    this.drafts.save(this.id, { text: "", request: null });
  }

  #save() {
    clearTimeout(this.#saveTimer);
    this.#saveTimer = 0;
    this.drafts.save(this.id, { text: this.field.value, request: this.#request });
  }

  #resize() {
    if (!CSS.supports("field-sizing", "content")) {
      this.field.style.blockSize = "auto";
      this.field.style.blockSize = `${this.field.scrollHeight}px`;
    }
  }
}
