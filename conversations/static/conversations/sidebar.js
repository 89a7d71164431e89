// The column beside the page: hidden and shown again, or a drawer where there is little room.

import { element } from "./page.js";

const KEPT_AS = "sidebar";

export class Sidebar {
  #hasRoom = matchMedia("(min-width: 48.01rem)");
  #state = document.documentElement.dataset;

  constructor() {
    this.column = element("sidebar", HTMLElement);
    this.closer = /** @type {HTMLElement} */ (this.column.querySelector("[data-sidebar-closer]"));
    this.openers = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-sidebar-opener]"));
    for (const button of [this.closer, ...this.openers]) {
      button.addEventListener("click", (event) => {
        event.preventDefault();
        this.toggle();
      });
    }
    this.#hasRoom.addEventListener("change", () => this.#hideDrawer());
    this.column.addEventListener("toggle", () => this.#tell());
    this.#tell();
  }

  get isShown() {
    return this.#hasRoom.matches ? this.#state.sidebar !== "hidden" : this.column.matches(":popover-open");
  }

  toggle() {
    if (!this.#hasRoom.matches) {
      this.column.togglePopover();
      return;
    }
    this.#state.sidebar = this.isShown ? "hidden" : "shown";
    this.#keep(this.#state.sidebar);
    this.#tell();
    const [opener] = this.openers;
    (this.isShown ? this.closer : opener)?.focus({ preventScroll: true });
  }

  #hideDrawer() {
    if (this.column.matches(":popover-open")) {
      this.column.hidePopover();
    }
    this.#tell();
  }

  /** Says to who cannot see it whether the column is there. */
  #tell() {
    for (const button of [this.closer, ...this.openers]) {
      button.setAttribute("aria-expanded", String(this.isShown));
    }
  }

  /** @param {string} state */
  #keep(state) {
    try {
      localStorage.setItem(KEPT_AS, state);
    } catch {
      // It lasts as long as the page.
    }
  }
}
