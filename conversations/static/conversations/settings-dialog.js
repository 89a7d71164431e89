// The dialog with the settings of this conversation.

import { ConnectionLost, RequestRefused } from "./connection.js";
import { openDialog } from "./dialog.js";
import { copyOf, element, part } from "./page.js";
import { sentenceOf } from "./errors.js";
import { say } from "./strings.js";

/** @import { Connection } from "./connection.js" */
/** @import { ConversationSettings, Settings } from "./conversation-settings.js" */
/** @import { ToolObject } from "./wire.js" */

export class SettingsDialog {
  /** @type {ToolObject[]} */ #tools = [];

  /** @param {Connection} connection @param {ConversationSettings} settings */
  constructor(connection, settings) {
    this.connection = connection;
    this.settings = settings;
    this.dialog = element("settings-dialog", HTMLDialogElement);
    this.form = element("settings-form", HTMLFormElement);
    this.toolList = element("settings-tools", HTMLElement);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#save();
    });
    this.form.addEventListener("change", () => this.#showToolList());
    element("settings-cancel", HTMLButtonElement).addEventListener("click", () => this.dialog.close());
  }

  /** @param {Record<string, string>} [errors] what the server found wrong, by field */
  async open(errors = {}) {
    this.#fill(this.settings.values);
    this.#complain(errors);
    openDialog(this.dialog);
    try {
      this.#tools = (await this.connection.request("tools.list", {})).tools;
      this.#fillTools(this.settings.values.tools);
    } catch {
      this.#note(say("offline_action"));
    }
  }

  /** @param {Settings} values */
  #fill(values) {
    this.#field("system_prompt").value = values.system_prompt;
    this.#field("temperature").value = values.temperature?.toString() ?? "";
    this.#field("max_tokens").value = values.max_tokens?.toString() ?? "";
    this.#box("thinking_enabled").checked = values.thinking_enabled;
    this.#box("all_tools").checked = values.tools === null;
    this.#showToolList();
  }

  /** @param {string[] | null} chosen */
  #fillTools(chosen) {
    const boxes = this.#tools.map((tool) => {
      const item = copyOf("blank-tool", "label");
      const box = /** @type {HTMLInputElement} */ (part(item, "box"));
      box.value = tool.name;
      box.checked = chosen?.includes(tool.name) ?? true;
      part(item, "name").textContent = tool.name;
      part(item, "description").textContent = firstSentence(tool.description);
      return item;
    });
    this.toolList.replaceChildren(...boxes);
    this.#showToolList();
  }

  #showToolList() {
    this.toolList.hidden = this.#box("all_tools").checked;
  }

  /** @returns {Partial<Settings>} what is in the fields; what is no number is sent as it is, for the server to say so */
  #entered() {
    const chosen = /** @type {NodeListOf<HTMLInputElement>} */ (this.toolList.querySelectorAll("input:checked"));
    const isKnown = this.#tools.length > 0;
    return {
      system_prompt: this.#field("system_prompt").value,
      temperature: /** @type {number | null} */ (numberIn(this.#field("temperature").value)),
      max_tokens: /** @type {number | null} */ (numberIn(this.#field("max_tokens").value)),
      thinking_enabled: this.#box("thinking_enabled").checked,
      ...(isKnown && { tools: this.#box("all_tools").checked ? null : [...chosen].map((box) => box.value) }),
    };
  }

  async #save() {
    this.#complain({});
    try {
      await this.settings.change(this.#entered());
      this.dialog.close();
    } catch (error) {
      if (error instanceof RequestRefused) {
        this.#complain(error.errors);
        this.#note(Object.keys(error.errors).length ? "" : sentenceOf(error));
      } else if (error instanceof ConnectionLost) {
        this.#note(say("offline_action"));
      } else {
        throw error;
      }
    }
  }

  /** @param {Record<string, string>} errors by field */
  #complain(errors) {
    this.#note("");
    for (const place of /** @type {NodeListOf<HTMLElement>} */ (this.form.querySelectorAll("[data-error]"))) {
      const name = place.dataset.error ?? "";
      const wrong = Object.entries(errors).find(([field]) => field === name || field.startsWith(`${name}.`))?.[1];
      place.textContent = wrong ? say(`wrong_${name}`) || wrong : "";
      place.hidden = !wrong;
      if (name !== "tools") {
        this.#field(name).ariaInvalid = wrong ? "true" : null;
      }
    }
    /** @type {HTMLElement | null} */ (this.form.querySelector("[aria-invalid]"))?.focus();
  }

  /** @param {string} sentence */
  #note(sentence) {
    const note = part(this.form, "note");
    note.textContent = sentence;
    note.hidden = !sentence;
  }

  /** @param {string} name @returns {HTMLInputElement | HTMLTextAreaElement} */
  #field(name) {
    return /** @type {HTMLInputElement} */ (this.form.elements.namedItem(name));
  }

  /** @param {string} name @returns {HTMLInputElement} */
  #box(name) {
    return /** @type {HTMLInputElement} */ (this.form.elements.namedItem(name));
  }
}

/** @param {string} text @returns {number | string | null} null for nothing */
function numberIn(text) {
  const written = text.trim().replace(",", ".");
  const number = Number(written);
  return written === "" ? null : Number.isNaN(number) ? written : number;
}

/** @param {string} text @returns {string} */
function firstSentence(text) {
  return /^.*?[.!?](?=\s|$)/s.exec(text)?.[0] ?? text;
}
