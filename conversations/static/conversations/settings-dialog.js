// The dialog with the settings of the conversation.

import { ConnectionLostError, RequestError } from "./connection.js";
import { openDialog } from "./dialog.js";
import { cloneTemplate, getElement, getPart } from "./dom.js";
import { errorMessage } from "./errors.js";
import { translate } from "./strings.js";

/** @import { Connection } from "./connection.js" */
/** @import { ConversationSettings, Settings } from "./conversation-settings.js" */
/** @import { ToolObject } from "./protocol.js" */

export class SettingsDialog {
  /** @type {ToolObject[]} */ #tools = [];

  /** @param {Connection} connection @param {ConversationSettings} settings */
  constructor(connection, settings) {
    this.connection = connection;
    this.settings = settings;
    this.dialog = getElement("settings-dialog", HTMLDialogElement);
    this.form = getElement("settings-form", HTMLFormElement);
    this.toolList = getElement("settings-tools", HTMLElement);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#save();
    });
    this.form.addEventListener("change", () => this.#updateToolList());
    getElement("settings-cancel", HTMLButtonElement).addEventListener("click", () => this.dialog.close());
  }

  /** @param {Record<string, string>} [errors] messages to show, by field */
  async open(errors = {}) {
    this.#fill(this.settings.values);
    this.#showErrors(errors);
    openDialog(this.dialog);
    try {
      this.#tools = (await this.connection.request("tools.list", {})).tools;
      this.#fillTools(this.settings.values.tools);
    } catch {
      this.#showNote(translate("offline_action"));
    }
  }

  /** @param {Settings} values */
  #fill(values) {
    this.#field("system_prompt").value = values.system_prompt;
    this.#field("temperature").value = values.temperature?.toString() ?? "";
    this.#field("max_tokens").value = values.max_tokens?.toString() ?? "";
    this.#field("thinking_enabled").checked = values.thinking_enabled;
    this.#field("all_tools").checked = values.tools === null;
    this.#updateToolList();
  }

  /** @param {string[] | null} chosen names, null for all */
  #fillTools(chosen) {
    const items = this.#tools.map((tool) => {
      const item = cloneTemplate("blank-tool", "label");
      const checkbox = /** @type {HTMLInputElement} */ (getPart(item, "box"));
      checkbox.value = tool.name;
      checkbox.checked = chosen?.includes(tool.name) ?? true;
      getPart(item, "name").textContent = tool.name;
      getPart(item, "description").textContent = firstSentence(tool.description);
      return item;
    });
    this.toolList.replaceChildren(...items);
    this.#updateToolList();
  }

  #updateToolList() {
    this.toolList.hidden = this.#field("all_tools").checked;
  }

  /** @returns {Partial<Settings>} the form's values; an invalid number is sent as text, for the server to refuse it */
  #values() {
    const checked = /** @type {NodeListOf<HTMLInputElement>} */ (this.toolList.querySelectorAll("input:checked"));
    const hasTools = this.#tools.length > 0;
    return {
      system_prompt: this.#field("system_prompt").value,
      temperature: /** @type {number | null} */ (parseNumber(this.#field("temperature").value)),
      max_tokens: /** @type {number | null} */ (parseNumber(this.#field("max_tokens").value)),
      thinking_enabled: this.#field("thinking_enabled").checked,
      ...(hasTools && { tools: this.#field("all_tools").checked ? null : [...checked].map(({ value }) => value) }),
    };
  }

  async #save() {
    this.#showErrors({});
    try {
      await this.settings.change(this.#values());
      this.dialog.close();
    } catch (error) {
      if (error instanceof RequestError) {
        this.#showErrors(error.errors);
        this.#showNote(Object.keys(error.errors).length ? "" : errorMessage(error));
      } else if (error instanceof ConnectionLostError) {
        this.#showNote(translate("offline_action"));
      } else {
        throw error;
      }
    }
  }

  /** Shows these messages instead of the previous ones. @param {Record<string, string>} errors by field */
  #showErrors(errors) {
    this.#showNote("");
    for (const element of /** @type {NodeListOf<HTMLElement>} */ (this.form.querySelectorAll("[data-error]"))) {
      const name = element.dataset.error ?? "";
      const message = Object.entries(errors).find(([field]) => field === name || field.startsWith(`${name}.`))?.[1];
      element.textContent = message ? translate(`wrong_${name}`) || message : "";
      element.hidden = !message;
      if (name !== "tools") {
        this.#field(name).ariaInvalid = message ? "true" : null;
      }
    }
    /** @type {HTMLElement | null} */ (this.form.querySelector("[aria-invalid]"))?.focus();
  }

  /** @param {string} text "" hides the note */
  #showNote(text) {
    const note = getPart(this.form, "note");
    note.textContent = text;
    note.hidden = !text;
  }

  /** @param {string} name @returns {HTMLInputElement} or a textarea */
  #field(name) {
    return /** @type {HTMLInputElement} */ (this.form.elements.namedItem(name));
  }
}

/** @param {string} text @returns {number | string | null} null for an empty text, the text itself if it is not a number */
function parseNumber(text) {
  const trimmed = text.trim().replace(",", ".");
  const number = Number(trimmed);
  return trimmed === "" ? null : Number.isNaN(number) ? trimmed : number;
}

/** @param {string} text @returns {string} */
function firstSentence(text) {
  return /^.*?[.!?](?=\s|$)/s.exec(text)?.[0] ?? text;
}
