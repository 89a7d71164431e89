// The form that edits a question in place. The draft is kept until the server has acknowledged it or the user cancels.

import { RequestError } from "./connection.js";
import { cloneTemplate, fitHeight, getPart } from "./dom.js";
import { newRequestId } from "./drafts.js";
import { errorMessage } from "./errors.js";
import { isComposing } from "./keyboard.js";

/** @import { Drafts, PendingMessage } from "./drafts.js" */

const SAVE_DELAY_MS = 200;

export class QuestionEditor {
  #saveTimer = 0;
  #isSending = false;
  /** @type {PendingMessage | null} */ #pending = null;

  /**
   * @param {HTMLElement} question
   * @param {Drafts} drafts
   * @param {(text: string, requestId: string) => Promise<void>} send rejects with RequestError
   */
  constructor(question, drafts, send) {
    this.question = question;
    this.id = question.dataset.message ?? "";
    this.drafts = drafts;
    this.send = send;
    const bubble = getPart(question, "text");
    this.form = /** @type {HTMLFormElement} */ (cloneTemplate("blank-editor", "form"));
    this.field = /** @type {HTMLTextAreaElement} */ (getPart(this.form, "field"));
    const { text, request } = drafts.load(this.id);
    this.#pending = request;
    this.field.value = text || (bubble.textContent ?? "");
    this.#addListeners();
    bubble.after(this.form);
    question.classList.add("editing");
    fitHeight(this.field);
  }

  focus() {
    this.field.focus({ preventScroll: true });
    this.field.setSelectionRange(this.field.value.length, this.field.value.length);
    this.form.scrollIntoView({ block: "nearest" });
  }

  #addListeners() {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
    getPart(this.form, "cancel").addEventListener("click", () => this.#cancel());
    this.field.addEventListener("keydown", (event) => {
      if (isComposing(event)) {
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
    });
    this.field.addEventListener("input", () => {
      fitHeight(this.field);
      this.#saveTimer ||= setTimeout(() => this.#save(), SAVE_DELAY_MS);
    });
    addEventListener("pagehide", () => this.form.isConnected && this.#saveTimer && this.#save());
  }

  async #submit() {
    const text = this.field.value;
    if (!text.trim() || this.#isSending) {
      return;
    }
    this.#pending = this.#pending?.text === text ? this.#pending : { id: newRequestId(), text };
    this.#setSending(true);
    this.#save();
    try {
      await this.send(text, this.#pending.id);
      this.#deleteDraft();
    } catch (error) {
      this.#pending = null;
      this.#setSending(false);
      this.#save();
      if (!(error instanceof RequestError)) {
        throw error;
      }
      const message = getPart(this.form, "complaint");
      message.textContent = errorMessage(error);
      message.hidden = false;
      this.field.focus({ preventScroll: true });
    }
  }

  /** @param {boolean} isSending */
  #setSending(isSending) {
    this.#isSending = isSending;
    /** @type {HTMLButtonElement} */ (getPart(this.form, "submit")).disabled = isSending;
    getPart(this.form, "complaint").hidden = true;
  }

  #cancel() {
    this.#deleteDraft();
    this.form.remove();
    this.question.classList.remove("editing");
    /** @type {HTMLElement | null} */ (this.question.querySelector('[data-action="edit"]'))?.focus({ preventScroll: true });
  }

  #deleteDraft() {
    clearTimeout(this.#saveTimer);
    this.drafts.save(this.id, { text: "", request: null });
  }

  #save() {
    clearTimeout(this.#saveTimer);
    this.#saveTimer = 0;
    this.drafts.save(this.id, { text: this.field.value, request: this.#pending });
  }
}
