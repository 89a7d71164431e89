// The menu of models, opened from the header for the conversation, and below an answer to regenerate it.

import { getElement } from "./dom.js";
import { bindMenu, Menu } from "./menu.js";

export class ModelMenu {
  /** @type {(model: string) => void} */ #onChoose = () => {};
  /** @type {HTMLElement | null} */ #openerAtPointerDown = null;

  constructor() {
    this.element = getElement("model-menu", HTMLElement);
    this.menu = new Menu(this.element);
    this.items = [.../** @type {NodeListOf<HTMLElement>} */ (this.element.querySelectorAll("[data-model]"))];
    this.items.forEach((item) => item.addEventListener("click", () => this.#onChoose(item.dataset.model ?? "")));
    // Before the click event, the browser has already closed the popover because of the pointerdown outside of it.
    document.addEventListener("pointerdown", () => (this.#openerAtPointerDown = this.menu.isOpen ? this.menu.opener : null), { capture: true });
  }

  /**
   * Opens the menu, or leaves it closed if this click has just closed it.
   * @param {HTMLElement} opener
   * @param {(model: string) => void} onChoose
   */
  open(opener, onChoose) {
    this.#prepare(null, onChoose);
    if (opener !== this.#openerAtPointerDown) {
      this.menu.toggle(opener);
    }
    this.#openerAtPointerDown = null;
  }

  /**
   * Makes a button open the menu.
   * @param {HTMLElement} button
   * @param {() => string} currentModel returns the name of the model to mark
   * @param {(model: string) => void} onChoose
   */
  bindButton(button, currentModel, onChoose) {
    const prepare = () => this.#prepare(currentModel(), onChoose);
    button.addEventListener("click", prepare);
    button.addEventListener("keydown", prepare);
    bindMenu(this.menu, button);
  }

  /** Returns the name if it is a model's, else the user's default model. @param {string | null} name @returns {string} */
  nameOrDefault(name) {
    return this.items.some((item) => item.dataset.model === name) ? (name ?? "") : (this.element.dataset.default ?? "");
  }

  /** @param {string} name @returns {{label: string, tools: boolean, thinking: boolean}} its label, and whether it supports tools and thinking */
  model(name) {
    const { label = name, tools, thinking } = this.items.find((item) => item.dataset.model === name)?.dataset ?? {};
    return { label, tools: tools !== undefined, thinking: thinking !== undefined };
  }

  /** @param {string | null} currentModel @param {(model: string) => void} onChoose */
  #prepare(currentModel, onChoose) {
    this.#onChoose = onChoose;
    this.items.forEach((item) => (item.ariaChecked = String(item.dataset.model === currentModel)));
  }
}
