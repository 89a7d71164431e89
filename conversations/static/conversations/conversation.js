// The conversation that the page shows: keeps it as the server tells it, and tells the server what the reader wants.

import { Answer } from "./answer.js";
import { ConnectionLost, RequestRefused } from "./connection.js";
import { addresses, fetchFragment } from "./page.js";

/** @import { Connection } from "./connection.js" */
/** @import { ConversationObject, MessageObject, RunDone, RunError, RunStarted, Sent, Step } from "./wire.js" */
/** @import { Transcript } from "./transcript.js" */

const NEWS_WITHIN = 1_500;
/** News of a conversation may come before the question and the run that caused it: how long to wait for those. */
const CAUSE_WITHIN = 250;

/**
 * @typedef {object} Listener
 * @property {(id: string) => void} began the new chat has become a conversation
 * @property {(isLive: boolean) => void} liveChanged
 * @property {(answer: HTMLElement, outcome: RunDone | RunError) => void} ended a run has ended
 * @property {(answer: HTMLElement) => void} stored what the server has made of it is on the page
 * @property {() => void} gone there is no such conversation any more
 */

export class Conversation {
  /** @type {Answer | null} */ #answer = null;
  /** The last message of the active branch, as far as is known. @type {string | null} */ #leafId;
  /** @type {Promise<void> | null} */ #refreshing = null;
  /** A run that has ended, and was asked to be told of. @type {string | null} */ #retoldRunId = null;
  #isStale = false;
  #newsTimer = 0;

  /**
   * @param {Connection} connection
   * @param {Transcript} transcript
   * @param {Listener} listener
   * @param {{id: string | null, runId: string | null}} shown what the server has rendered: null for a new chat; a live run
   */
  constructor(connection, transcript, listener, { id, runId }) {
    this.connection = connection;
    this.transcript = transcript;
    this.listener = listener;
    this.id = id;
    this.runId = runId;
    this.#leafId = transcript.leafId;
    connection.on("message_added", ({ message }) => this.#addQuestion(message));
    connection.on("run_started", (run) => this.#startRun(run));
    connection.on("process_step", (/** @type {Step} */ step) => this.#of(step)?.showStep(step));
    connection.on("step_delta", (delta) => this.#of(delta)?.append(delta.id, delta.text));
    connection.on("steps_reset", (reset) => this.#of(reset)?.reset(reset.index));
    connection.on("done", (outcome) => this.#endRun(outcome));
    connection.on("error", (outcome) => this.#endRun(outcome));
  }

  /** Begins or goes on to follow the conversation: on every new connection. @param {string | null} runId a run to be told of if it has ended */
  async follow(runId = this.runId) {
    if (!this.id) {
      return;
    }
    try {
      const { conversation, run } = await this.connection.request("conversation.subscribe", {
        conversation_id: this.id,
        ...(runId && { run_id: runId }),
      });
      this.#leafId = conversation.leaf_message_id;
      this.#retoldRunId = runId;
      if (run) {
        this.#setRun(run.id);
      }
      if (this.#isStale || this.#leafId !== this.transcript.leafId) {
        await this.refresh();
      }
    } catch (error) {
      this.#judge(error);
    }
  }

  /** Begins the conversation before its first question. Rejects with RequestRefused. @param {object} settings @param {string} requestId */
  async create(settings, requestId) {
    const { conversation } = await this.connection.requestSurely("conversation.create", { ...settings, request_id: requestId });
    this.#begin(conversation.id);
  }

  /**
   * Asks something that is answered by a run: `message.send`, `message.edit` or `message.regenerate`. Returns once it is
   * stored, over as many connections as that takes. Rejects with RequestRefused.
   * @param {string} method
   * @param {object} params
   * @param {string} requestId the same for every try
   */
  async ask(method, params, requestId) {
    /** @type {Sent} */
    const sent = await this.connection.requestSurely(method, { ...params, request_id: requestId });
    if (!this.id) {
      this.#begin(sent.conversation_id);
    }
    setTimeout(() => this.#makeSureOf(sent), NEWS_WITHIN);
  }

  /** @param {string} id */
  #begin(id) {
    this.id = id;
    this.listener.began(id);
  }

  /**
   * Shows the branch through another version of a message, here and in every other tab. Rejects with RequestRefused or ConnectionLost.
   * @param {string} fromId the version that is shown
   * @param {string} toId
   */
  async select(fromId, toId) {
    const { conversation } = await this.connection.request("message.select", { message_id: toId });
    this.#leafId = conversation.leaf_message_id;
    await this.#refreshing;
    await this.refresh((fragment, live) => this.transcript.switchTo(fragment, live, fromId, toId));
  }

  /** What the server tells of this conversation, in whichever tab it was changed. @param {ConversationObject} conversation */
  changed({ leaf_message_id: leafId }) {
    this.#leafId = leafId;
    clearTimeout(this.#newsTimer);
    this.#newsTimer = setTimeout(() => {
      if (!this.#refreshing && this.#leafId !== this.transcript.leafId) {
        void this.refresh();
      }
    }, CAUSE_WITHIN);
  }

  /** @returns {Promise<void>} once the server knows */
  async stop() {
    if (this.runId) {
      await this.connection.requestSurely("run.cancel", { run_id: this.runId });
    }
  }

  /**
   * Shows the newest messages as they are stored; a live answer stays as it is.
   * @param {(fragment: HTMLElement, live: HTMLElement | null) => Promise<void> | void} show
   * @returns {Promise<void>}
   */
  refresh(show = (fragment, live) => this.transcript.load(fragment, live)) {
    this.#refreshing ??= this.#load(show).finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  /** @param {(fragment: HTMLElement, live: HTMLElement | null) => Promise<void> | void} show */
  async #load(show) {
    this.#isStale = true;
    const leafId = this.#leafId;
    try {
      const fragment = await fetchFragment(addresses.messages(this.id ?? ""));
      await show(fragment, this.#answer?.element ?? null);
      this.#isStale = false;
    } catch {
      return; // It stays stale, which the next connection finds.
    }
    if (this.#leafId !== leafId && this.#leafId !== this.transcript.leafId) {
      await this.#load((newer, live) => this.transcript.load(newer, live));
    }
  }

  /** @param {MessageObject} message */
  #addQuestion(message) {
    if (message.conversation_id === this.id && !this.transcript.addQuestion(message)) {
      void this.refresh();
    }
  }

  /** A run that begins makes its branch the active one; one that is told again may be on another. @param {RunStarted} run */
  #startRun({ conversation_id: conversationId, run_id: runId, message_id: messageId, user_message_id: questionId }) {
    if (conversationId !== this.id) {
      return;
    }
    if (runId !== this.runId && runId !== this.#retoldRunId) {
      this.#leafId = messageId;
    }
    const isShown = this.#leafId === messageId;
    if (this.#answer?.runId !== runId) {
      const { transcript } = this;
      const element = isShown ? transcript.answerTo(questionId, messageId) : transcript.newAnswer(questionId, messageId);
      this.#answer = new Answer(runId, element);
    }
    this.#answer.retell();
    this.#setRun(runId);
    if (isShown && !this.#answer.element.isConnected) {
      void this.refresh();
    }
  }

  /** @param {RunDone | RunError} outcome */
  #endRun(outcome) {
    const answer = this.#of(outcome);
    if (!answer) {
      return;
    }
    answer.end(outcome);
    this.#answer = null;
    this.#setRun(null);
    this.listener.ended(answer.element, outcome);
    void this.#settle(outcome.message_id);
  }

  /** Puts the server's rendering of a finished answer in its place. @param {string} messageId */
  async #settle(messageId) {
    try {
      const fragment = await fetchFragment(addresses.message(this.id ?? "", messageId));
      const rendered = fragment.firstElementChild;
      if (rendered instanceof HTMLElement && this.#answer?.element.dataset.message !== messageId) {
        this.transcript.replace(rendered);
        this.listener.stored(rendered);
      }
    } catch {
      this.#isStale = true;
    }
  }

  /** A repeated request gets its first result, but the news that it caused may have gone to a lost connection. @param {Sent} sent */
  #makeSureOf(sent) {
    if (!this.transcript.find(sent.assistant_message_id)) {
      void this.refresh();
      void this.follow(sent.run_id);
    }
  }

  /** @param {{run_id: string}} params @returns {Answer | null} */
  #of({ run_id: runId }) {
    return this.#answer?.runId === runId ? this.#answer : null;
  }

  /** @param {string | null} runId */
  #setRun(runId) {
    this.runId = runId;
    this.listener.liveChanged(runId !== null);
  }

  /** @param {unknown} error */
  #judge(error) {
    if (error instanceof RequestRefused && error.code === "not_found") {
      this.listener.gone();
    } else if (!(error instanceof ConnectionLost || error instanceof RequestRefused)) {
      throw error;
    }
  }
}
