// Where one types. What was typed is kept until the server has acknowledged it.

import { RequestRefused } from "./connection.js";
import { newRequestId } from "./drafts.js";
import { element } from "./page.js";

/** @import { Drafts, Sending } from "./drafts.js" */

const SAVE_AFTER = 200;
const IME_KEY = 229;

export class Composer {
  #isLive = false;
  #isSending = false;
  #saveTimer = 0;
  /** @type {Sending | null} */ #request = null;

  /**
   * @param {Drafts} drafts
   * @param {string | null} conversationId null for a new chat
   * @param {{send: (sending: Sending) => Promise<void>, stop: () => Promise<void>}} actions
   *   `send` settles when the server has the message, and rejects when it refuses it
   */
  constructor(drafts, conversationId, actions) {
    this.drafts = drafts;
    this.conversationId = conversationId;
    this.actions = actions;
    this.form = element("composer", HTMLFormElement);
    this.field = element("composer-text", HTMLTextAreaElement);
    this.sendButton = element("send", HTMLButtonElement);
    this.stopButton = element("stop", HTMLButtonElement);
    this.toolsToggle = element("tools-toggle", HTMLButtonElement);
    this.#restore();
    this.#listen();
    this.#changed();
    if (matchMedia("(pointer: fine)").matches) {
      this.field.focus({ preventScroll: true });
    }
  }

  get isSending() {
    return this.#isSending;
  }

  /** @param {boolean} isLive whether an answer is being made, which can be stopped, and before whose end nothing can be sent */
  setLive(isLive) {
    this.#isLive = isLive;
    this.stopButton.disabled = false;
    this.form.classList.toggle("live", isLive);
    this.#changed();
  }

  /** The new chat has become a conversation. @param {string} conversationId */
  began(conversationId) {
    this.drafts.save(this.conversationId, { text: "", request: null });
    this.conversationId = conversationId;
    this.#save();
  }

  /** Puts a text into the field and sends it. @param {string} text */
  ask(text) {
    this.field.value = text;
    this.#changed();
    void this.#submit();
  }

  stop() {
    if (this.#isLive && !this.stopButton.disabled) {
      this.stopButton.disabled = true;
      this.actions.stop().catch(() => (this.stopButton.disabled = false));
    }
  }

  get #mayUseTools() {
    return this.toolsToggle.ariaPressed === "true";
  }

  #restore() {
    const { text, request, tools = true } = this.drafts.load(this.conversationId);
    this.toolsToggle.ariaPressed = String(tools);
    this.#request = request;
    this.field.value ||= text;
  }

  #listen() {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
    this.field.addEventListener("keydown", (event) => this.#pressed(event));
    this.field.addEventListener("input", () => {
      this.#changed();
      this.#saveTimer ||= setTimeout(() => this.#save(), SAVE_AFTER);
    });
    this.stopButton.addEventListener("click", () => this.stop());
    this.toolsToggle.addEventListener("click", () => {
      this.toolsToggle.ariaPressed = String(!this.#mayUseTools);
      this.#save();
    });
    addEventListener("pagehide", () => this.#save());
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const composes = event.isComposing || event.keyCode === IME_KEY;
    if (event.key === "Enter" && !event.shiftKey && !composes) {
      event.preventDefault();
      void this.#submit();
    }
  }

  async #submit() {
    const text = this.field.value;
    if (!text.trim() || this.#isSending || this.#isLive) {
      return;
    }
    const tools = this.#mayUseTools;
    const isSame = this.#request?.text === text && (this.#request.tools ?? true) === tools;
    this.#request = isSame && this.#request ? this.#request : { id: newRequestId(), text, tools };
    this.#setSending(true);
    try {
      await this.actions.send(this.#request);
      this.field.value = this.field.value === text ? "" : this.field.value;
    } catch (error) {
      if (!(error instanceof RequestRefused)) {
        throw error;
      }
      this.field.focus();
    } finally {
      this.#request = null;
      this.#setSending(false);
    }
  }

  /** @param {boolean} isSending */
  #setSending(isSending) {
    this.#isSending = isSending;
    this.form.classList.toggle("sending", isSending);
    this.#changed();
    this.#save();
  }

  #changed() {
    this.sendButton.disabled = this.#isSending || !this.field.value.trim();
    if (!CSS.supports("field-sizing", "content")) {
      this.field.style.blockSize = "auto";
      this.field.style.blockSize = `${this.field.scrollHeight}px`;
    }
  }

  #save() {
    clearTimeout(this.#saveTimer);
    this.#saveTimer = 0;
    this.drafts.save(this.conversationId, { text: this.field.value, request: this.#request, tools: this.#mayUseTools });
  }
}
