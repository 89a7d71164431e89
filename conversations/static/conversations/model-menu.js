// The menu of models: opened from the header for the conversation, and beside an answer for another one of it.

import { Menu, opensMenu } from "./menu.js";
import { element } from "./page.js";

export class ModelMenu {
  /** @type {(model: string) => void} */ #choose = () => {};
  /** @type {HTMLElement | null} */ #openedFrom = null;

  constructor() {
    this.element = element("model-menu", HTMLElement);
    this.menu = new Menu(this.element);
    this.items = [.../** @type {NodeListOf<HTMLElement>} */ (this.element.querySelectorAll("[data-model]"))];
    this.items.forEach((item) => item.addEventListener("click", () => this.#choose(item.dataset.model ?? "")));
    // By the time of the click, the browser has already closed what the pointer went down beside.
    document.addEventListener("pointerdown", () => (this.#openedFrom = this.menu.isOpen ? this.menu.opener : null), { capture: true });
  }

  /**
   * @param {HTMLElement} opener closes it if it is open from there
   * @param {(model: string) => void} choose
   */
  open(opener, choose) {
    this.#prepare(null, choose);
    if (opener !== this.#openedFrom) {
      this.menu.toggle(opener);
    }
    this.#openedFrom = null;
  }

  /**
   * Makes a button open it.
   * @param {HTMLElement} button
   * @param {() => string} current the model in use
   * @param {(model: string) => void} choose
   */
  opensFrom(button, current, choose) {
    const prepare = () => this.#prepare(current(), choose);
    button.addEventListener("click", prepare);
    button.addEventListener("keydown", prepare);
    opensMenu(button, this.menu);
  }

  /** @param {string | null} name @returns {string} the same if there is such a model, else the reader's default */
  known(name) {
    return this.items.some((item) => item.dataset.model === name) ? (name ?? "") : (this.element.dataset.default ?? "");
  }

  /** @param {string} name @returns {{label: string, tools: boolean, thinking: boolean}} what it is called, and what it can do */
  model(name) {
    const { label = name, tools, thinking } = this.items.find((item) => item.dataset.model === name)?.dataset ?? {};
    return { label, tools: tools !== undefined, thinking: thinking !== undefined };
  }

  /** @param {string | null} current @param {(model: string) => void} choose */
  #prepare(current, choose) {
    this.#choose = choose;
    this.items.forEach((item) => (item.ariaChecked = String(item.dataset.model === current)));
  }
}
