// The conversation on the page: shows the server's notifications and sends the user's requests.

import { ConnectionLostError, RequestError } from "./connection.js";
import { fetchFragment, urls } from "./dom.js";
import { LiveAnswer } from "./live-answer.js";

/** @import { Connection } from "./connection.js" */
/** @import { ConversationObject, MessageObject, RunDone, RunError, RunStarted, SendResult, Step } from "./protocol.js" */
/** @import { Transcript } from "./transcript.js" */

/** How long the notifications that a request causes may take. */
const NOTIFICATION_TIMEOUT_MS = 1_500;
/** How long `message_added` and `run_started` may come after the `conversation_changed` that they explain. */
const CHANGE_DELAY_MS = 250;

/**
 * @typedef {object} ConversationCallbacks
 * @property {(id: string) => void} onCreated called when the new chat has become a conversation
 * @property {(isLive: boolean) => void} onLiveChange called when a run starts or ends
 * @property {(answer: HTMLElement, outcome: RunDone | RunError) => void} onRunEnd
 * @property {(answer: HTMLElement) => void} onStored called when the page shows the server's rendering of an answer that has ended
 * @property {() => void} onNotFound called if the conversation does not exist any more
 */

/** @typedef {(fragment: HTMLElement, liveAnswer: HTMLElement | null) => Promise<void> | void} ShowFragment shows the newest messages */

export class Conversation {
  /** @type {LiveAnswer | null} */ #answer = null;
  /** The last message of the active branch, as far as is known. @type {string | null} */ #leafId;
  /** @type {Promise<void> | null} */ #refreshing = null;
  /** The run named in the last subscription, whose notifications the server repeats from the start. @type {string | null} */ #replayedRunId = null;
  #isStale = false;
  #changeTimer = 0;

  /**
   * @param {Connection} connection
   * @param {Transcript} transcript
   * @param {ConversationCallbacks} callbacks
   * @param {{id: string | null, runId: string | null}} initial the ids of the conversation, null for a new chat, and of its live run
   */
  constructor(connection, transcript, callbacks, { id, runId }) {
    this.connection = connection;
    this.transcript = transcript;
    this.callbacks = callbacks;
    this.id = id;
    this.runId = runId;
    this.#leafId = transcript.leafId;
    connection.on("message_added", ({ message }) => this.#addQuestion(message));
    connection.on("run_started", (run) => this.#handleRunStarted(run));
    connection.on("process_step", (/** @type {Step} */ step) => this.#answerOf(step)?.showStep(step));
    connection.on("step_delta", (delta) => this.#answerOf(delta)?.append(delta.id, delta.text));
    connection.on("steps_reset", (reset) => this.#answerOf(reset)?.removeStepsFrom(reset.index));
    connection.on("done", (outcome) => this.#handleRunEnd(outcome));
    connection.on("error", (outcome) => this.#handleRunEnd(outcome));
  }

  /**
   * Subscribes to the conversation's notifications, once for each new connection.
   * @param {string | null} runId a run whose notifications are wanted even if it has ended meanwhile
   */
  async subscribe(runId = this.runId) {
    if (!this.id) {
      return;
    }
    try {
      const { conversation, run } = await this.connection.request("conversation.subscribe", {
        conversation_id: this.id,
        ...(runId && { run_id: runId }),
      });
      this.#leafId = conversation.leaf_message_id;
      this.#replayedRunId = runId;
      if (run) {
        this.#setRunId(run.id);
      }
      if (this.#isStale || this.#leafId !== this.transcript.leafId) {
        await this.refresh();
      }
    } catch (error) {
      if (error instanceof RequestError && error.code === "not_found") {
        this.callbacks.onNotFound();
      } else if (!(error instanceof ConnectionLostError || error instanceof RequestError)) {
        throw error;
      }
    }
  }

  /** Creates the conversation before its first message is sent. Rejects with RequestError. @param {object} settings @param {string} requestId */
  async create(settings, requestId) {
    const { conversation } = await this.connection.requestWithRetries("conversation.create", { ...settings, request_id: requestId });
    this.#setId(conversation.id);
  }

  /**
   * Sends a request that starts a run: `message.send`, `message.edit` or `message.regenerate`. Resolves when the server has stored
   * it, over as many connections as that takes. Rejects with RequestError.
   * @param {string} method
   * @param {object} params
   * @param {string} requestId the same for each attempt
   */
  async startRun(method, params, requestId) {
    /** @type {SendResult} */
    const result = await this.connection.requestWithRetries(method, { ...params, request_id: requestId });
    if (!this.id) {
      this.#setId(result.conversation_id);
    }
    setTimeout(() => {
      // The notifications may have gone to a connection that was lost before the response came.
      if (!this.transcript.find(result.assistant_message_id)) {
        void this.refresh();
        void this.subscribe(result.run_id);
      }
    }, NOTIFICATION_TIMEOUT_MS);
  }

  /** @param {string} id */
  #setId(id) {
    this.id = id;
    this.callbacks.onCreated(id);
  }

  /**
   * Makes the branch with another version of a message the active one, also in other tabs. Rejects with RequestError or
   * ConnectionLostError.
   * @param {string} shownId the version that the page shows
   * @param {string} selectedId
   */
  async selectVersion(shownId, selectedId) {
    const { conversation } = await this.connection.request("message.select", { message_id: selectedId });
    this.#leafId = conversation.leaf_message_id;
    await this.#refreshing;
    await this.refresh((fragment, liveAnswer) => this.transcript.switchVersion(fragment, liveAnswer, shownId, selectedId));
  }

  /** Handles a change of the conversation, which may have been made in another tab. @param {ConversationObject} conversation */
  handleChange({ leaf_message_id: leafId }) {
    this.#leafId = leafId;
    clearTimeout(this.#changeTimer);
    this.#changeTimer = setTimeout(() => {
      if (!this.#refreshing && this.#leafId !== this.transcript.leafId) {
        void this.refresh();
      }
    }, CHANGE_DELAY_MS);
  }

  /** Cancels the live run. @returns {Promise<void>} resolves when the server has acknowledged it */
  async cancelRun() {
    if (this.runId) {
      await this.connection.requestWithRetries("run.cancel", { run_id: this.runId });
    }
  }

  /**
   * Fetches and shows the newest messages as the server has stored them; a live answer stays as it is.
   * @param {ShowFragment} show
   * @returns {Promise<void>}
   */
  refresh(show = (fragment, liveAnswer) => this.transcript.update(fragment, liveAnswer)) {
    this.#refreshing ??= this.#load(show).finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  /** @param {ShowFragment} show */
  async #load(show) {
    this.#isStale = true;
    const leafId = this.#leafId;
    try {
      const fragment = await fetchFragment(urls.messages(this.id ?? ""));
      await show(fragment, this.#answer?.element ?? null);
      this.#isStale = false;
    } catch {
      return; // It stays stale until the next connection.
    }
    if (this.#leafId !== leafId && this.#leafId !== this.transcript.leafId) {
      await this.#load((fragment, liveAnswer) => this.transcript.update(fragment, liveAnswer));
    }
  }

  /** @param {MessageObject} message */
  #addQuestion(message) {
    if (message.conversation_id === this.id && !this.transcript.addQuestion(message)) {
      void this.refresh();
    }
  }

  /** @param {RunStarted} run */
  #handleRunStarted({ conversation_id: conversationId, run_id: runId, message_id: messageId, user_message_id: questionId }) {
    if (conversationId !== this.id) {
      return;
    }
    // A new run makes its branch the active one; one that is replayed may belong to another branch.
    if (runId !== this.runId && runId !== this.#replayedRunId) {
      this.#leafId = messageId;
    }
    const isShown = this.#leafId === messageId;
    if (this.#answer?.runId !== runId) {
      const { transcript } = this;
      const element = isShown ? transcript.findOrAddAnswer(questionId, messageId) : transcript.createAnswer(questionId, messageId);
      this.#answer = new LiveAnswer(runId, element);
    }
    this.#answer.startReplay();
    this.#setRunId(runId);
    if (isShown && !this.#answer.element.isConnected) {
      void this.refresh();
    }
  }

  /** @param {RunDone | RunError} outcome */
  #handleRunEnd(outcome) {
    const answer = this.#answerOf(outcome);
    if (!answer) {
      return;
    }
    answer.end(outcome);
    this.#answer = null;
    this.#setRunId(null);
    this.callbacks.onRunEnd(answer.element, outcome);
    void this.#showStored(outcome.message_id);
  }

  /** Replaces an answer that has ended by the server's rendering. @param {string} messageId */
  async #showStored(messageId) {
    try {
      const fragment = await fetchFragment(urls.message(this.id ?? "", messageId));
      const rendered = fragment.firstElementChild;
      if (rendered instanceof HTMLElement && this.#answer?.element.dataset.message !== messageId) {
        this.transcript.replace(rendered);
        this.callbacks.onStored(rendered);
      }
    } catch {
      this.#isStale = true;
    }
  }

  /** Returns the live answer if a notification belongs to its run. @param {{run_id: string}} params @returns {LiveAnswer | null} */
  #answerOf({ run_id: runId }) {
    return this.#answer?.runId === runId ? this.#answer : null;
  }

  /** @param {string | null} runId */
  #setRunId(runId) {
    this.runId = runId;
    this.callbacks.onLiveChange(runId !== null);
  }
}
