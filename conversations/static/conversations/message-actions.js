// The actions of messages: copy, edit, regenerate, rate, show another version, and show all of a long text.

import { copyText } from "./clipboard.js";
import { ConnectionLostError, RequestError } from "./connection.js";
import { getPart } from "./dom.js";
import { newRequestId } from "./drafts.js";
import { errorMessage } from "./errors.js";
import { fetchFullText, showFullText } from "./full-text.js";
import { adjacentVersionId } from "./message-versions.js";
import { QuestionEditor } from "./question-editor.js";
import { rate } from "./rating.js";
import { prettyJson, toolResultText, translate } from "./strings.js";

/** @import { Connection } from "./connection.js" */
/** @import { Conversation } from "./conversation.js" */
/** @import { Drafts } from "./drafts.js" */
/** @import { ModelMenu } from "./model-menu.js" */
/** @import { Transcript } from "./transcript.js" */

const DONE_SHOWN_MS = 1_500;

/**
 * @typedef {object} Notices
 * @property {(text: string) => void} show shows a text above the composer
 * @property {(text: string) => void} announce passes a text to screen readers only
 * @property {() => void} clear hides the text that is shown
 */

export class MessageActions {
  /**
   * @param {Connection} connection
   * @param {Conversation} conversation
   * @param {Transcript} transcript
   * @param {Drafts} drafts
   * @param {Notices} notices
   * @param {ModelMenu} modelMenu
   */
  constructor(connection, conversation, transcript, drafts, notices, modelMenu) {
    this.connection = connection;
    this.conversation = conversation;
    this.transcript = transcript;
    this.drafts = drafts;
    this.notices = notices;
    this.modelMenu = modelMenu;
    transcript.element.addEventListener("click", ({ target }) => {
      const button = target instanceof Element ? target.closest("[data-action]") : null;
      const message = /** @type {HTMLElement | null} */ (button?.closest("[data-message]"));
      if (button instanceof HTMLButtonElement && message) {
        this.#run(button, message);
      }
    });
    // Questions that were being edited when the page was left
    for (const question of /** @type {NodeListOf<HTMLElement>} */ (transcript.element.querySelectorAll(".question"))) {
      if (drafts.load(question.dataset.message ?? "").text) {
        this.#edit(question);
      }
    }
  }

  /** @param {HTMLButtonElement} button @param {HTMLElement} message */
  #run(button, message) {
    switch (button.dataset.action) {
      case "copy":
        return void this.#copy(button, message);
      case "edit":
        return this.#edit(message).focus();
      case "regenerate":
        return void this.#regenerate(button, message);
      case "regenerate-with":
        return this.modelMenu.open(button, (model) => void this.#regenerate(button, message, model));
      case "rate":
        return void this.#rate(button, message);
      case "select":
        return void this.#selectVersion(button, message);
      case "show-all":
        return void this.#showAll(button, message);
    }
  }

  /** @param {HTMLButtonElement} button @param {HTMLElement} message */
  async #copy(button, message) {
    try {
      await copyText(message.matches(".question") ? (getPart(message, "text").textContent ?? "") : this.#fetchMarkdown(message));
      this.notices.announce(translate("copied"));
      button.classList.add("done");
      setTimeout(() => button.classList.remove("done"), DONE_SHOWN_MS);
    } catch {
      this.notices.show(translate("not_copied"));
    }
  }

  /** Fetches the Markdown of all texts of an answer. @param {HTMLElement} answer @returns {Promise<string>} */
  async #fetchMarkdown(answer) {
    const texts = /** @type {NodeListOf<HTMLElement>} */ (answer.querySelectorAll('[data-type="text"]'));
    const ids = [...texts].map((text) => text.dataset.step ?? "");
    const sources = await Promise.all(ids.map((id) => fetchFullText(this.connection, answer.dataset.message ?? "", id)));
    return sources.join("\n\n");
  }

  /** @param {HTMLElement} question @returns {QuestionEditor} */
  #edit(question) {
    return new QuestionEditor(question, this.drafts, async (text, requestId) => {
      await this.conversation.startRun("message.edit", { message_id: question.dataset.message, text }, requestId);
      document.getElementById("composer-text")?.focus({ preventScroll: true });
    });
  }

  /** @param {HTMLButtonElement} button @param {HTMLElement} answer @param {string} [model] instead of the conversation's */
  #regenerate(button, answer, model) {
    const params = { message_id: answer.dataset.message, ...(model && { model }) };
    return this.#attempt(button, () => this.conversation.startRun("message.regenerate", params, newRequestId()));
  }

  /** @param {HTMLButtonElement} thumb @param {HTMLElement} answer */
  #rate(thumb, answer) {
    return rate(answer, thumb, {
      rate: (rating, comment) =>
        this.connection.request("message.rate", {
          message_id: answer.dataset.message,
          rating,
          ...(comment !== undefined && { comment }),
        }),
      announce: this.notices.announce,
      showError: (error) => this.#showError(error),
    });
  }

  /** @param {HTMLButtonElement} button @param {HTMLElement} message */
  async #selectVersion(button, message) {
    const { by } = button.dataset;
    const selectedId = adjacentVersionId(message, Number(by));
    if (!selectedId) {
      return;
    }
    await this.#attempt(button, () => this.conversation.selectVersion(message.dataset.message ?? "", selectedId));
    // Focuses the same button of the selected version, so that pressing Enter again goes on.
    const buttons = /** @type {NodeListOf<HTMLButtonElement> | undefined} */ (
      this.transcript.find(selectedId)?.querySelectorAll('[data-action="select"]')
    );
    const enabled = [...(buttons ?? [])].filter(({ disabled }) => !disabled);
    (enabled.find(({ dataset }) => dataset.by === by) ?? enabled[0])?.focus({ preventScroll: true });
  }

  /** @param {HTMLButtonElement} button @param {HTMLElement} message */
  #showAll(button, message) {
    const block = /** @type {HTMLElement} */ (button.closest("[data-source]"));
    const pre = /** @type {HTMLElement} */ (block.querySelector("pre"));
    return this.#attempt(button, async () => {
      const text = await fetchFullText(this.connection, message.dataset.message ?? "", block.dataset.source ?? "");
      button.hidden = true;
      pre.focus({ preventScroll: true });
      await showFullText(pre, block.dataset.part === "result-block" ? toolResultText(text) : prettyJson(text));
    });
  }

  /**
   * Runs an action while its button is disabled, and shows an error message if it fails.
   * @param {HTMLButtonElement} button
   * @param {() => Promise<void>} action
   */
  async #attempt(button, action) {
    button.disabled = true;
    this.notices.clear();
    try {
      await action();
    } catch (error) {
      this.#showError(error);
    } finally {
      button.disabled = false;
    }
  }

  /** @param {unknown} error */
  #showError(error) {
    if (error instanceof RequestError) {
      this.notices.show(errorMessage(error));
    } else if (error instanceof ConnectionLostError) {
      this.notices.show(translate("offline_action"));
    } else {
      throw error;
    }
  }
}
