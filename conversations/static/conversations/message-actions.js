// What one does with a message: copy it, edit it, have it answered again, rate it, look at another version, or at all of a long text.

import { copy } from "./clipboard.js";
import { ConnectionLost, RequestRefused } from "./connection.js";
import { newRequestId } from "./drafts.js";
import { part } from "./page.js";
import { QuestionEditor } from "./question-editor.js";
import { rate } from "./rating.js";
import { sentenceOf } from "./errors.js";
import { versionBeside } from "./versions.js";
import { drawWhole, fetchWhole } from "./full-text.js";
import { prettyJson, say, toolOutcome } from "./strings.js";

/** @import { Connection } from "./connection.js" */
/** @import { Conversation } from "./conversation.js" */
/** @import { Drafts } from "./drafts.js" */
/** @import { Transcript } from "./transcript.js" */

const COPIED_FOR = 1_500;

/**
 * @typedef {object} Notes
 * @property {(sentence: string) => void} show where it is seen
 * @property {(sentence: string) => void} announce where it is only heard
 * @property {() => void} clear
 */

export class MessageActions {
  /**
   * @param {Connection} connection
   * @param {Conversation} conversation
   * @param {Transcript} transcript
   * @param {Drafts} drafts
   * @param {Notes} notes
   * @param {(opener: HTMLElement, choose: (model: string) => void) => void} offerModels opens a menu of them
   */
  constructor(connection, conversation, transcript, drafts, notes, offerModels) {
    this.connection = connection;
    this.conversation = conversation;
    this.transcript = transcript;
    this.drafts = drafts;
    this.notes = notes;
    this.offerModels = offerModels;
    transcript.element.addEventListener("click", (event) => this.#clicked(event));
    this.#reopenEditors();
  }

  /** @param {Event} event */
  #clicked({ target }) {
    const button = target instanceof Element ? target.closest("[data-action]") : null;
    const message = /** @type {HTMLElement | null} */ (button?.closest("[data-message]"));
    if (button instanceof HTMLButtonElement && message) {
      this.#act(button, message);
    }
  }

  /** @param {HTMLButtonElement} button @param {HTMLElement} message */
  #act(button, message) {
    switch (button.dataset.action) {
      case "copy":
        return void this.#copy(button, message);
      case "edit":
        return this.#edit(message).focus();
      case "regenerate":
        return void this.#regenerate(button, message);
      case "regenerate-with":
        return this.offerModels(button, (model) => void this.#regenerate(button, message, model));
      case "rate":
        return void this.#rate(button, message);
      case "select":
        return void this.#select(button, message);
      case "show-all":
        return void this.#showAll(button, message);
    }
  }

  /** @param {HTMLButtonElement} button @param {HTMLElement} message */
  async #copy(button, message) {
    try {
      await copy(message.matches(".question") ? (part(message, "text").textContent ?? "") : this.#sourceOf(message));
      this.notes.announce(say("copied"));
      button.classList.add("done");
      setTimeout(() => button.classList.remove("done"), COPIED_FOR);
    } catch {
      this.notes.show(say("not_copied"));
    }
  }

  /** The Markdown of all that an answer says. @param {HTMLElement} answer @returns {Promise<string>} */
  async #sourceOf(answer) {
    const texts = /** @type {NodeListOf<HTMLElement>} */ (answer.querySelectorAll('[data-type="text"]'));
    const ids = [...texts].map((text) => text.dataset.step ?? "");
    const sources = await Promise.all(ids.map((id) => fetchWhole(this.connection, answer.dataset.message ?? "", id)));
    return sources.join("\n\n");
  }

  /** @param {HTMLElement} question @returns {QuestionEditor} */
  #edit(question) {
    return new QuestionEditor(question, this.drafts, async (text, requestId) => {
      await this.conversation.ask("message.edit", { message_id: question.dataset.message, text }, requestId);
      document.getElementById("composer-text")?.focus({ preventScroll: true });
    });
  }

  /** Questions that were being edited when the page was left. */
  #reopenEditors() {
    for (const question of /** @type {NodeListOf<HTMLElement>} */ (this.transcript.element.querySelectorAll(".question"))) {
      if (this.drafts.load(question.dataset.message ?? "").text) {
        this.#edit(question);
      }
    }
  }

  /** @param {HTMLButtonElement} button @param {HTMLElement} answer @param {string} [model] another than the conversation's */
  #regenerate(button, answer, model) {
    const params = { message_id: answer.dataset.message, ...(model && { model }) };
    return this.#try(button, () => this.conversation.ask("message.regenerate", params, newRequestId()));
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
      announce: this.notes.announce,
      complain: (error) => this.#complain(error),
    });
  }

  /** @param {HTMLButtonElement} button @param {HTMLElement} message */
  async #select(button, message) {
    const from = message.dataset.message ?? "";
    const to = versionBeside(message, Number(button.dataset.by));
    if (to) {
      await this.#try(button, () => this.conversation.select(from, to));
      this.#focusVersions(to, button.dataset.by);
    }
  }

  /** The focus goes on to the same button of the version that is shown now. @param {string} id @param {string | undefined} by */
  #focusVersions(id, by) {
    const buttons = /** @type {NodeListOf<HTMLButtonElement> | undefined} */ (
      this.transcript.find(id)?.querySelectorAll('[data-action="select"]')
    );
    const usable = [...(buttons ?? [])].filter((button) => !button.disabled);
    (usable.find((button) => button.dataset.by === by) ?? usable[0])?.focus({ preventScroll: true });
  }

  /** @param {HTMLButtonElement} button @param {HTMLElement} message */
  #showAll(button, message) {
    const block = /** @type {HTMLElement} */ (button.closest("[data-source]"));
    const place = /** @type {HTMLElement} */ (block.querySelector("pre"));
    return this.#try(button, async () => {
      const text = await fetchWhole(this.connection, message.dataset.message ?? "", block.dataset.source ?? "");
      button.hidden = true;
      place.focus({ preventScroll: true });
      await drawWhole(place, block.dataset.part === "result-block" ? toolOutcome(text) : prettyJson(text));
    });
  }

  /** Does it once at a time, and says why if it cannot be done. @param {HTMLButtonElement} button @param {() => Promise<void>} act */
  async #try(button, act) {
    button.disabled = true;
    this.notes.clear();
    try {
      await act();
    } catch (error) {
      this.#complain(error);
    } finally {
      button.disabled = false;
    }
  }

  /** @param {unknown} error */
  #complain(error) {
    if (error instanceof RequestRefused) {
      this.notes.show(sentenceOf(error));
    } else if (error instanceof ConnectionLost) {
      this.notes.show(say("offline_action"));
    } else {
      throw error;
    }
  }
}
