// The header of the chat: the title, which can be edited in place, the model button and the conversation's token count.

import { getElement } from "./dom.js";
import { isComposing } from "./keyboard.js";
import { formatNumber, translate, translatePlural } from "./strings.js";

/** @import { ModelMenu } from "./model-menu.js" */

export class Title {
  #title;

  /**
   * @param {(title: string) => Promise<void>} rename rejects if the server does not store the title
   * @param {(error: unknown) => void} showError
   */
  constructor(rename, showError) {
    this.rename = rename;
    this.showError = showError;
    this.heading = getElement("chat-title", HTMLElement);
    this.button = getElement("rename", HTMLButtonElement);
    this.form = getElement("title-form", HTMLFormElement);
    this.field = getElement("title-field", HTMLInputElement);
    this.#title = this.heading.dataset.title ?? "";
    this.button.addEventListener("click", () => this.#edit());
    this.heading.addEventListener("dblclick", () => this.button.hidden || this.#edit());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#save();
    });
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !isComposing(event)) {
        event.preventDefault();
        event.stopPropagation();
        this.#setEditing(false);
        this.button.focus();
      }
    });
    this.field.addEventListener("blur", () => void this.#save());
  }

  /** @param {string} title */
  show(title) {
    this.#title = title;
    this.button.hidden = false;
    this.heading.textContent = title || translate("untitled");
    document.title = `${this.heading.textContent} · chatsite`;
  }

  #edit() {
    this.field.value = this.#title;
    this.#setEditing(true);
    this.field.select();
    this.field.focus();
  }

  async #save() {
    if (this.form.hidden) {
      return;
    }
    const title = this.field.value.trim();
    const hadFocus = document.activeElement === this.field;
    try {
      if (title !== this.#title) {
        await this.rename(title);
        this.show(title);
      }
      this.#setEditing(false);
      if (hadFocus) {
        this.button.focus();
      }
    } catch (error) {
      this.showError(error);
      this.field.focus();
    }
  }

  /** @param {boolean} isEditing */
  #setEditing(isEditing) {
    this.form.hidden = !isEditing;
    this.heading.classList.toggle("visually-hidden", isEditing);
    this.button.classList.toggle("away", isEditing);
  }
}

/** The button that shows which model answers and opens the menu of models. */
export class ModelButton {
  #model = "";

  /** @param {ModelMenu} menu @param {(model: string) => void} onChoose */
  constructor(menu, onChoose) {
    this.menu = menu;
    menu.bindButton(getElement("model-button", HTMLButtonElement), () => this.#model, onChoose);
  }

  /** @param {string | null} model null for the user's default model */
  show(model) {
    this.#model = this.menu.nameOrDefault(model);
    getElement("model-label", HTMLElement).textContent = this.menu.model(this.#model).label;
  }
}

/** The number of tokens that the conversation has used. */
export class TokenCount {
  constructor() {
    this.element = getElement("conversation-tokens", HTMLElement);
    this.prompt = Number(this.element.dataset.prompt);
    this.completion = Number(this.element.dataset.completion);
    this.#show();
  }

  /** @param {number} prompt @param {number} completion */
  add(prompt, completion) {
    this.prompt += prompt;
    this.completion += completion;
    this.#show();
  }

  #show() {
    const total = this.prompt + this.completion;
    this.element.hidden = total === 0;
    this.element.textContent = translatePlural("tokens", total);
    this.element.title = translate("tokens_in_and_out", { prompt: formatNumber(this.prompt), completion: formatNumber(this.completion) });
  }
}
