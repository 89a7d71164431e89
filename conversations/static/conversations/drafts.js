// What was typed and not sent yet, kept in the browser, one for each conversation.

/**
 * @typedef {object} Draft
 * @property {string} text
 * @property {Sending | null} request what was sent and not acknowledged yet: sent again, it has the same id
 * @property {boolean} [tools] whether the model may use its tools for it; it may if nothing is said
 *
 * @typedef {object} Sending
 * @property {string} id
 * @property {string} text
 * @property {boolean} [tools]
 */

/** @import { Settings } from "./conversation-settings.js" */

/** @type {Draft} */
const EMPTY = { text: "", request: null };

export class Drafts {
  /** @param {string} user whose they are; several people may use one browser */
  constructor(user) {
    this.user = user;
  }

  /** @param {string | null} conversationId null for the new chat @returns {Draft} */
  load(conversationId) {
    try {
      return { ...EMPTY, ...JSON.parse(localStorage.getItem(this.#key(conversationId)) ?? "{}") };
    } catch {
      return EMPTY;
    }
  }

  /** @param {string | null} conversationId @param {Draft} draft */
  save(conversationId, draft) {
    try {
      if (draft.text || draft.request || draft.tools === false) {
        localStorage.setItem(this.#key(conversationId), JSON.stringify(draft));
      } else {
        localStorage.removeItem(this.#key(conversationId));
      }
    } catch {
      // The browser keeps nothing, or no more: the draft lasts as long as the page.
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
      // As above.
    }
  }

  /** @param {string | null} conversationId */
  #key(conversationId) {
    return `draft:${this.user}:${conversationId ?? "new"}`;
  }
}

/** @returns {string} an id that nobody else makes. (crypto.randomUUID is missing from pages without TLS.) */
export function newRequestId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
