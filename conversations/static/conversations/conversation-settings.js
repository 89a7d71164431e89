// How this conversation is answered: its model, instructions and limits. Of a new chat they are kept in the browser until it begins.

/** @import { Connection } from "./connection.js" */
/** @import { Drafts } from "./drafts.js" */
/** @import { ConversationObject } from "./wire.js" */

/**
 * @typedef {object} Settings
 * @property {string | null} model null for the reader's default
 * @property {string} system_prompt
 * @property {number | null} temperature null for the model's own
 * @property {number | null} max_tokens likewise
 * @property {boolean} thinking_enabled
 * @property {string[] | null} tools null for all that the reader may use
 */

const NAMES = /** @type {const} */ (["model", "system_prompt", "temperature", "max_tokens", "thinking_enabled", "tools"]);

export class ConversationSettings {
  /** @type {string | null} */ #id;

  /**
   * @param {Connection} connection
   * @param {Drafts} drafts
   * @param {(settings: Settings) => void} changed
   * @param {{id: string | null, settings: Settings}} shown what the server has rendered
   */
  constructor(connection, drafts, changed, { id, settings }) {
    this.connection = connection;
    this.drafts = drafts;
    this.changed = changed;
    this.#id = id;
    this.chosen = id ? {} : drafts.loadSettings();
    /** @type {Settings} */
    this.values = { ...settings, ...this.chosen };
    changed(this.values);
  }

  /** Rejects with RequestRefused, whose `errors` say what is wrong with which field, or ConnectionLost. @param {Partial<Settings>} fields */
  async change(fields) {
    const before = this.values;
    this.#show({ ...before, ...fields });
    if (!this.#id) {
      this.chosen = { ...this.chosen, ...fields };
      this.drafts.saveSettings(this.chosen);
      return;
    }
    try {
      await this.connection.request("conversation.update", { conversation_id: this.#id, ...fields });
    } catch (error) {
      this.#show(before);
      throw error;
    }
  }

  /** The new chat has become a conversation, which has what was chosen for it. @param {string} id */
  began(id) {
    this.#id = id;
    this.chosen = {};
    this.drafts.saveSettings({});
  }

  /** The conversation as the server tells of it. @param {ConversationObject} conversation */
  take(conversation) {
    this.#show(/** @type {Settings} */ (Object.fromEntries(NAMES.map((name) => [name, conversation[name]]))));
  }

  /** @param {Settings} values */
  #show(values) {
    this.values = values;
    this.changed(values);
  }
}
