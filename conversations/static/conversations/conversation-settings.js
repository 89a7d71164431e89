// The settings of the conversation: model, instructions and limits. Those of a new chat are kept in the browser until it is created.

/** @import { Connection } from "./connection.js" */
/** @import { Drafts } from "./drafts.js" */
/** @import { ConversationObject } from "./protocol.js" */

/**
 * @typedef {object} Settings
 * @property {string | null} model null for the user's default model
 * @property {string} system_prompt
 * @property {number | null} temperature null for the model's default
 * @property {number | null} max_tokens null for the model's default
 * @property {boolean} thinking_enabled
 * @property {string[] | null} tools null for all tools that the user may use
 */

const FIELDS = /** @type {const} */ (["model", "system_prompt", "temperature", "max_tokens", "thinking_enabled", "tools"]);

export class ConversationSettings {
  /** @type {string | null} */ #id;

  /**
   * @param {Connection} connection
   * @param {Drafts} drafts
   * @param {(settings: Settings) => void} onChange also called at once
   * @param {{id: string | null, settings: Settings}} initial the conversation's id, null for a new chat, and its settings
   */
  constructor(connection, drafts, onChange, { id, settings }) {
    this.connection = connection;
    this.drafts = drafts;
    this.onChange = onChange;
    this.#id = id;
    /** What the user has chosen for a new chat. */
    this.chosen = id ? {} : drafts.loadSettings();
    /** @type {Settings} */
    this.values = { ...settings, ...this.chosen };
    onChange(this.values);
  }

  /**
   * Changes some settings. Rejects with RequestError, whose `errors` has a message for each invalid field, or ConnectionLostError.
   * @param {Partial<Settings>} fields
   */
  async change(fields) {
    const previous = this.values;
    this.#setValues({ ...previous, ...fields });
    if (!this.#id) {
      this.chosen = { ...this.chosen, ...fields };
      this.drafts.saveSettings(this.chosen);
      return;
    }
    try {
      await this.connection.request("conversation.update", { conversation_id: this.#id, ...fields });
    } catch (error) {
      this.#setValues(previous);
      throw error;
    }
  }

  /** The new chat has become a conversation, which has the chosen settings. @param {string} id */
  setConversation(id) {
    this.#id = id;
    this.chosen = {};
    this.drafts.saveSettings({});
  }

  /** Shows the settings of the conversation as the server has stored it. @param {ConversationObject} conversation */
  update(conversation) {
    this.#setValues(/** @type {Settings} */ (Object.fromEntries(FIELDS.map((name) => [name, conversation[name]]))));
  }

  /** @param {Settings} values */
  #setValues(values) {
    this.values = values;
    this.onChange(values);
  }
}
