// Unsent texts, kept in localStorage by user and conversation.

/**
 * @typedef {object} Draft
 * @property {string} text
 * @property {PendingMessage | null} request what was sent but not acknowledged yet; it is sent again with the same id
 * @property {boolean} [tools] whether the model may use tools; true if absent
 *
 * @typedef {object} PendingMessage
 * @property {string} id the `request_id`
 * @property {string} text
 * @property {boolean} [tools]
 */

/** @import { Settings } from "./conversation-settings.js" */

/** @type {Draft} */
const EMPTY = { text: "", request: null };

export class Drafts {
  /** @param {string} user the user's id: several people may share a browser */
  constructor(user) {
    this.user = user;
  }

  /** @param {string | null} id of a conversation or an edited message; null for a new chat @returns {Draft} */
  load(id) {
    try {
      return { ...EMPTY, ...JSON.parse(localStorage.getItem(this.#key(id)) ?? "{}") };
    } catch {
      return EMPTY;
    }
  }

  /** @param {string | null} id as for load() @param {Draft} draft deleted if it is empty */
  save(id, draft) {
    try {
      if (draft.text || draft.request || draft.tools === false) {
        localStorage.setItem(this.#key(id), JSON.stringify(draft));
      } else {
        localStorage.removeItem(this.#key(id));
      }
    } catch {
      // localStorage is disabled or full: the draft lasts as long as the page.
    }
  }

  /** @returns {Partial<Settings>} what was chosen for the new chat */
  loadSettings() {
    try {
      return JSON.parse(localStorage.getItem(this.#key("settings")) ?? "{}");
    } catch {
      return {};
    }
  }

  /** @param {Partial<Settings>} settings */
  saveSettings(settings) {
    try {
      localStorage.setItem(this.#key("settings"), JSON.stringify(settings));
    } catch {
      // As in save().
    }
  }

  /** @param {string | null} id */
  #key(id) {
    return `draft:${this.user}:${id ?? "new"}`;
  }
}

/** @returns {string} a random id; crypto.randomUUID() does not exist on pages without TLS */
export function newRequestId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
