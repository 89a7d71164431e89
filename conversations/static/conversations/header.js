// The head of the chat: the title, which one edits in its place, the model, and the tokens of the conversation.

import { element } from "./page.js";
import { number, say, sayCount } from "./strings.js";

/** @import { ModelMenu } from "./model-menu.js" */

const IME_KEY = 229;

export class Title {
  #title;

  /**
   * @param {(title: string) => Promise<void>} rename rejects if the server does not take it
   * @param {(error: unknown) => void} complain says so
   */
  constructor(rename, complain) {
    this.rename = rename;
    this.complain = complain;
    this.heading = element("chat-title", HTMLElement);
    this.button = element("rename", HTMLButtonElement);
    this.form = element("title-form", HTMLFormElement);
    this.field = element("title-field", HTMLInputElement);
    this.#title = this.heading.dataset.title ?? "";
    this.button.addEventListener("click", () => this.#edit());
    this.heading.addEventListener("dblclick", () => this.button.hidden || this.#edit());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#save();
    });
    this.field.addEventListener("keydown", (event) => this.#pressed(event));
    this.field.addEventListener("blur", () => void this.#save());
  }

  /** @param {string} title */
  show(title) {
    this.#title = title;
    this.button.hidden = false;
    this.heading.textContent = title || say("untitled");
    document.title = `${this.heading.textContent} · chatsite`;
  }

  #edit() {
    this.field.value = this.#title;
    this.#setEditing(true);
    this.field.select();
    this.field.focus();
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.key === "Escape" && !event.isComposing && event.keyCode !== IME_KEY) {
      event.preventDefault();
      event.stopPropagation();
      this.#setEditing(false);
      this.button.focus();
    }
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
      this.complain(error);
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

/** The button that says which model answers, and opens the menu of them. */
export class ModelButton {
  #model = "";

  /** @param {ModelMenu} menu @param {(model: string) => void} choose */
  constructor(menu, choose) {
    this.menu = menu;
    this.button = element("model-button", HTMLButtonElement);
    menu.opensFrom(this.button, () => this.#model, choose);
  }

  /** @param {string | null} model null for the reader's default */
  show(model) {
    this.#model = this.menu.known(model);
    const { label } = this.menu.model(this.#model);
    element("model-label", HTMLElement).textContent = label;
  }
}

/** The tokens that the conversation has taken so far. */
export class TokenCount {
  constructor() {
    this.place = element("conversation-tokens", HTMLElement);
    this.prompt = Number(this.place.dataset.prompt);
    this.completion = Number(this.place.dataset.completion);
    this.#show();
  }

  /** @param {number} prompt @param {number} completion */
  add(prompt, completion) {
    this.prompt += prompt;
    this.completion += completion;
    this.#show();
  }

  #show() {
    const n = this.prompt + this.completion;
    this.place.hidden = n === 0;
    this.place.textContent = sayCount("tokens", n);
    this.place.title = say("tokens_in_and_out", { prompt: number(this.prompt), completion: number(this.completion) });
  }
}
