// Menus: a popover with role="menu" beside what opened it, used with the arrow keys as with a pointer.

const GAP = 4;
const EDGE = 8;
const TYPING_PAUSE = 700;

export class Menu {
  /** @type {HTMLElement | null} */ #opener = null;
  #typed = "";
  #typedAt = 0;

  /**
   * @param {HTMLElement} element `<div popover role="menu">` with `role="menuitem"` buttons or links in it
   */
  constructor(element) {
    this.element = element;
    element.addEventListener("keydown", (event) => this.#pressed(event));
    element.addEventListener("beforetoggle", (event) => this.#toggled(event.newState === "open"));
    element.addEventListener("click", (event) => {
      if (event.target instanceof Element && event.target.closest('[role^="menuitem"]')) {
        this.close();
      }
    });
    addEventListener("resize", () => this.close());
    document.addEventListener("scroll", (event) => event.target !== element && this.close(), { capture: true, passive: true });
  }

  get isOpen() {
    return this.element.matches(":popover-open");
  }

  /** What the menu was opened from last. */
  get opener() {
    return this.#opener;
  }

  /** Opens beside the element, or closes if that had opened it. @param {HTMLElement} opener @param {{atEnd?: boolean}} [options] which item is in focus */
  toggle(opener, { atEnd = false } = {}) {
    const wasOpen = this.isOpen && this.#opener === opener;
    this.close();
    if (!wasOpen) {
      this.#opener = opener;
      // Within what is modal or on top already, and where it can be seen
      (opener.closest("dialog, [popover]") ?? document.body).append(this.element);
      this.element.showPopover();
      this.#place(opener.getBoundingClientRect(), getComputedStyle(opener).direction === "rtl");
      const items = this.#items();
      items[atEnd ? items.length - 1 : 0]?.focus({ preventScroll: true });
    }
  }

  close() {
    if (this.isOpen) {
      this.element.hidePopover();
    }
  }

  /** @param {boolean} opens */
  #toggled(opens) {
    this.#opener?.setAttribute("aria-expanded", String(opens));
    if (!opens && this.element.contains(document.activeElement)) {
      this.#opener?.focus({ preventScroll: true });
    }
  }

  /** @returns {HTMLElement[]} */
  #items() {
    const all = /** @type {NodeListOf<HTMLElement>} */ (this.element.querySelectorAll('[role^="menuitem"]'));
    return [...all].filter((item) => item.checkVisibility());
  }

  /** Below its opener, or above where there is more room; within the window. @param {DOMRect} box @param {boolean} isRtl */
  #place(box, isRtl) {
    const { offsetWidth: width, offsetHeight: height, style } = this.element;
    const below = box.bottom + GAP;
    const above = box.top - GAP - height;
    const fitsBelow = below + height <= innerHeight - EDGE;
    style.top = `${Math.max(EDGE, fitsBelow || above < EDGE ? Math.min(below, innerHeight - EDGE - height) : above)}px`;
    style.left = `${Math.max(EDGE, Math.min(isRtl ? box.right - width : box.left, innerWidth - EDGE - width))}px`;
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const items = this.#items();
    const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const next = this.#target(event, items, at);
    if (next) {
      event.preventDefault();
      next.focus();
    } else if (event.key === "Tab") {
      this.close();
    }
  }

  /** The item that the key leads to. @param {KeyboardEvent} event @param {HTMLElement[]} items @param {number} at @returns {HTMLElement | undefined} */
  #target(event, items, at) {
    const { key } = event;
    switch (key) {
      case "ArrowDown":
        return items[(at + 1) % items.length];
      case "ArrowUp":
        return items[(at + items.length - 1 + Number(at < 0)) % items.length];
      case "Home":
        return items[0];
      case "End":
        return items[items.length - 1];
      default:
        return key.length === 1 && key !== " " && !hasModifier(event) ? this.#named(key, items, at) : undefined;
    }
  }

  /** The next item that begins with what was typed. @param {string} key @param {HTMLElement[]} items @param {number} at */
  #named(key, items, at) {
    const now = Date.now();
    this.#typed = (now - this.#typedAt < TYPING_PAUSE ? this.#typed : "") + key.toLowerCase();
    this.#typedAt = now;
    const from = this.#typed.length === 1 ? at + 1 : Math.max(at, 0);
    const inTurn = [...items.slice(from), ...items.slice(0, from)];
    return inTurn.find((item) => item.textContent?.trim().toLowerCase().startsWith(this.#typed));
  }
}

/**
 * Makes a menu of every popover with role="menu" that a button of the page opens by `popovertarget`.
 * @param {ParentNode} [within]
 */
export function makeMenus(within = document) {
  for (const opener of /** @type {NodeListOf<HTMLButtonElement>} */ (within.querySelectorAll("button[popovertarget][aria-haspopup=menu]"))) {
    const element = opener.popoverTargetElement;
    if (element instanceof HTMLElement) {
      opensMenu(opener, new Menu(element));
    }
  }
}

/**
 * @param {HTMLElement | Document} root what opens the menu, or with a selector, what holds all that open it
 * @param {Menu} menu
 * @param {string} [selector]
 */
export function opensMenu(root, menu, selector) {
  let wasOpen = false;
  const openerOf = (/** @type {Event} */ event) => {
    const opener = selector && event.target instanceof Element ? event.target.closest(selector) : root;
    return opener instanceof HTMLElement ? opener : null;
  };
  // By the time of the click, the browser may have closed what the pointer went down beside.
  root.addEventListener("pointerdown", (event) => {
    wasOpen = menu.isOpen && menu.opener === openerOf(event);
  }, { capture: true });
  root.addEventListener("click", (event) => {
    const opener = openerOf(event);
    if (opener) {
      event.preventDefault();
      if (wasOpen) {
        menu.close();
      } else {
        menu.toggle(opener);
      }
    }
    wasOpen = false;
  });
  root.addEventListener("keydown", (event) => {
    const opener = openerOf(event);
    const { key } = /** @type {KeyboardEvent} */ (event);
    if (opener && (key === "ArrowDown" || key === "ArrowUp")) {
      event.preventDefault();
      menu.toggle(opener, { atEnd: key === "ArrowUp" });
    }
  });
}

/** @param {KeyboardEvent} event @returns {boolean} */
function hasModifier(event) {
  return event.ctrlKey || event.altKey || event.metaKey;
}
