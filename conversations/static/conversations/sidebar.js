// The sidebar: a column that can be hidden, or a drawer on narrow screens.

import { getElement } from "./dom.js";

const STORAGE_KEY = "sidebar";

export class Sidebar {
  #isWide = matchMedia("(min-width: 48.01rem)");
  #state = document.documentElement.dataset;

  constructor() {
    this.element = getElement("sidebar", HTMLElement);
    this.closeButton = /** @type {HTMLElement} */ (this.element.querySelector("[data-sidebar-closer]"));
    this.openButtons = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-sidebar-opener]"));
    for (const button of [this.closeButton, ...this.openButtons]) {
      button.addEventListener("click", (event) => {
        event.preventDefault();
        this.toggle();
      });
    }
    this.#isWide.addEventListener("change", () => {
      if (this.element.matches(":popover-open")) {
        this.element.hidePopover();
      }
      this.#updateExpanded();
    });
    this.element.addEventListener("toggle", () => this.#updateExpanded());
    this.#updateExpanded();
  }

  get isShown() {
    return this.#isWide.matches ? this.#state.sidebar !== "hidden" : this.element.matches(":popover-open");
  }

  toggle() {
    if (!this.#isWide.matches) {
      this.element.togglePopover();
      return;
    }
    this.#state.sidebar = this.isShown ? "hidden" : "shown";
    try {
      localStorage.setItem(STORAGE_KEY, this.#state.sidebar);
    } catch {
      // Without localStorage the choice lasts as long as the page.
    }
    this.#updateExpanded();
    (this.isShown ? this.closeButton : this.openButtons[0])?.focus({ preventScroll: true });
  }

  #updateExpanded() {
    for (const button of [this.closeButton, ...this.openButtons]) {
      button.setAttribute("aria-expanded", String(this.isShown));
    }
  }
}
