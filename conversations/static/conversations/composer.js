// The composer: the message box with its buttons. The draft is kept until the server has acknowledged the message.

import { RequestError } from "./connection.js";
import { fitHeight, getElement } from "./dom.js";
import { newRequestId } from "./drafts.js";
import { isComposing } from "./keyboard.js";

/** @import { Drafts, PendingMessage } from "./drafts.js" */

const SAVE_DELAY_MS = 200;

export class Composer {
  #isLive = false;
  #isSending = false;
  #saveTimer = 0;
  /** @type {PendingMessage | null} */ #pending = null;

  /**
   * @param {Drafts} drafts
   * @param {string | null} conversationId null for a new chat
   * @param {{send: (message: PendingMessage) => Promise<void>, stop: () => Promise<void>}} actions
   *   `send` resolves when the server has stored the message, and rejects when it refuses it
   */
  constructor(drafts, conversationId, actions) {
    this.drafts = drafts;
    this.conversationId = conversationId;
    this.actions = actions;
    this.form = getElement("composer", HTMLFormElement);
    this.field = getElement("composer-text", HTMLTextAreaElement);
    this.sendButton = getElement("send", HTMLButtonElement);
    this.stopButton = getElement("stop", HTMLButtonElement);
    this.toolsToggle = getElement("tools-toggle", HTMLButtonElement);
    const { text, request, tools = true } = drafts.load(conversationId);
    this.toolsToggle.ariaPressed = String(tools);
    this.#pending = request;
    this.field.value ||= text;
    this.#addListeners();
    this.#update();
    if (matchMedia("(pointer: fine)").matches) {
      this.field.focus({ preventScroll: true });
    }
  }

  get isSending() {
    return this.#isSending;
  }

  /** @param {boolean} isLive whether an answer is being generated: it can be stopped, and nothing can be sent until it ends */
  setLive(isLive) {
    this.#isLive = isLive;
    this.stopButton.disabled = false;
    this.form.classList.toggle("live", isLive);
    this.#update();
  }

  /** Moves the draft of a new chat to the conversation that it has become. @param {string} conversationId */
  setConversation(conversationId) {
    this.drafts.save(this.conversationId, { text: "", request: null });
    this.conversationId = conversationId;
    this.#save();
  }

  /** Puts a text into the field and sends it. @param {string} text */
  submitText(text) {
    this.field.value = text;
    this.#update();
    void this.#submit();
  }

  stop() {
    if (this.#isLive && !this.stopButton.disabled) {
      this.stopButton.disabled = true;
      this.actions.stop().catch(() => (this.stopButton.disabled = false));
    }
  }

  get #toolsEnabled() {
    return this.toolsToggle.ariaPressed === "true";
  }

  #addListeners() {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !isComposing(event)) {
        event.preventDefault();
        void this.#submit();
      }
    });
    this.field.addEventListener("input", () => {
      this.#update();
      this.#saveTimer ||= setTimeout(() => this.#save(), SAVE_DELAY_MS);
    });
    this.stopButton.addEventListener("click", () => this.stop());
    this.toolsToggle.addEventListener("click", () => {
      this.toolsToggle.ariaPressed = String(!this.#toolsEnabled);
      this.#save();
    });
    addEventListener("pagehide", () => this.#save());
  }

  async #submit() {
    const text = this.field.value;
    if (!text.trim() || this.#isSending || this.#isLive) {
      return;
    }
    const tools = this.#toolsEnabled;
    let message = this.#pending;
    if (message?.text !== text || (message.tools ?? true) !== tools) {
      message = { id: newRequestId(), text, tools };
    }
    this.#pending = message;
    this.#setSending(true);
    try {
      await this.actions.send(message);
      this.field.value = this.field.value === text ? "" : this.field.value;
    } catch (error) {
      if (!(error instanceof RequestError)) {
        throw error;
      }
      this.field.focus();
    } finally {
      this.#pending = null;
      this.#setSending(false);
    }
  }

  /** @param {boolean} isSending */
  #setSending(isSending) {
    this.#isSending = isSending;
    this.form.classList.toggle("sending", isSending);
    this.#update();
    this.#save();
  }

  #update() {
    this.sendButton.disabled = this.#isSending || !this.field.value.trim();
    fitHeight(this.field);
  }

  #save() {
    clearTimeout(this.#saveTimer);
    this.#saveTimer = 0;
    this.drafts.save(this.conversationId, { text: this.field.value, request: this.#pending, tools: this.#toolsEnabled });
  }
}
