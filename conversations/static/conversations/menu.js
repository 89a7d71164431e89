// Menus: popovers with role="menu" next to the button that opens them, used with the keyboard or a pointer.

const GAP_PX = 4;
const MARGIN_PX = 8;
const TYPEAHEAD_TIMEOUT_MS = 700;

export class Menu {
  /** @type {HTMLElement | null} */ #opener = null;
  #typed = "";
  #typedAt = 0;

  /** @param {HTMLElement} element `<div popover role="menu">` that contains buttons or links with `role="menuitem"` */
  constructor(element) {
    this.element = element;
    element.addEventListener("keydown", (event) => this.#handleKey(event));
    element.addEventListener("beforetoggle", (event) => {
      const isOpening = event.newState === "open";
      this.#opener?.setAttribute("aria-expanded", String(isOpening));
      if (!isOpening && element.contains(document.activeElement)) {
        this.#opener?.focus({ preventScroll: true });
      }
    });
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

  /** The element that opened the menu last. */
  get opener() {
    return this.#opener;
  }

  /**
   * Opens the menu next to an element, or closes it if it was opened from there.
   * @param {HTMLElement} opener
   * @param {{focusLast?: boolean}} [options] whether the last item gets the focus instead of the first
   */
  toggle(opener, { focusLast = false } = {}) {
    const wasOpen = this.isOpen && this.#opener === opener;
    this.close();
    if (!wasOpen) {
      this.#opener = opener;
      // Within a modal dialog, which makes everything outside inert, or within a popover, which stays open only for nested popovers
      (opener.closest("dialog, [popover]") ?? document.body).append(this.element);
      this.element.showPopover();
      this.#position(opener.getBoundingClientRect(), getComputedStyle(opener).direction === "rtl");
      const items = this.#items();
      items[focusLast ? items.length - 1 : 0]?.focus({ preventScroll: true });
    }
  }

  close() {
    if (this.isOpen) {
      this.element.hidePopover();
    }
  }

  /** @returns {HTMLElement[]} the visible items */
  #items() {
    const all = /** @type {NodeListOf<HTMLElement>} */ (this.element.querySelectorAll('[role^="menuitem"]'));
    return [...all].filter((item) => item.checkVisibility());
  }

  /** Puts the menu below its opener, or above where it does not fit, and within the window. @param {DOMRect} box @param {boolean} isRtl */
  #position(box, isRtl) {
    const { offsetWidth: width, offsetHeight: height, style } = this.element;
    const below = box.bottom + GAP_PX;
    const above = box.top - GAP_PX - height;
    const fitsBelow = below + height <= innerHeight - MARGIN_PX;
    style.top = `${Math.max(MARGIN_PX, fitsBelow || above < MARGIN_PX ? Math.min(below, innerHeight - MARGIN_PX - height) : above)}px`;
    style.left = `${Math.max(MARGIN_PX, Math.min(isRtl ? box.right - width : box.left, innerWidth - MARGIN_PX - width))}px`;
  }

  /** @param {KeyboardEvent} event */
  #handleKey(event) {
    const items = this.#items();
    const current = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const next = this.#itemForKey(event, items, current);
    if (next) {
      event.preventDefault();
      next.focus();
    } else if (event.key === "Tab") {
      this.close();
    }
  }

  /**
   * Returns the item to which a key moves the focus.
   * @param {KeyboardEvent} event
   * @param {HTMLElement[]} items
   * @param {number} current index, or -1
   * @returns {HTMLElement | undefined}
   */
  #itemForKey(event, items, current) {
    const { key } = event;
    switch (key) {
      case "ArrowDown":
        return items[(current + 1) % items.length];
      case "ArrowUp":
        return items[(current + items.length - 1 + Number(current < 0)) % items.length];
      case "Home":
        return items[0];
      case "End":
        return items[items.length - 1];
      default:
        return key.length === 1 && key !== " " && !hasModifier(event) ? this.#findByTyping(key, items, current) : undefined;
    }
  }

  /** Returns the next item that begins with what was typed. @param {string} key @param {HTMLElement[]} items @param {number} current */
  #findByTyping(key, items, current) {
    const now = Date.now();
    this.#typed = (now - this.#typedAt < TYPEAHEAD_TIMEOUT_MS ? this.#typed : "") + key.toLowerCase();
    this.#typedAt = now;
    const start = this.#typed.length === 1 ? current + 1 : Math.max(current, 0);
    const candidates = [...items.slice(start), ...items.slice(0, start)];
    return candidates.find((item) => item.textContent?.trim().toLowerCase().startsWith(this.#typed));
  }
}

/** Creates a menu for every popover that a button of the page refers to by `popovertarget`. */
export function initMenus() {
  for (const opener of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("button[popovertarget][aria-haspopup=menu]"))) {
    const element = opener.popoverTargetElement;
    if (element instanceof HTMLElement) {
      bindMenu(new Menu(element), opener);
    }
  }
}

/**
 * Opens a menu from an element, or with a selector from all matching descendants.
 * @param {Menu} menu
 * @param {HTMLElement | Document} root
 * @param {string} [selector]
 */
export function bindMenu(menu, root, selector) {
  let wasOpen = false;
  const findOpener = (/** @type {Event} */ event) => {
    const opener = selector && event.target instanceof Element ? event.target.closest(selector) : root;
    return opener instanceof HTMLElement ? opener : null;
  };
  // Before the click event, the browser may have closed the popover because of the pointerdown outside of it.
  root.addEventListener("pointerdown", (event) => {
    wasOpen = menu.isOpen && menu.opener === findOpener(event);
  }, { capture: true });
  root.addEventListener("click", (event) => {
    const opener = findOpener(event);
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
    const opener = findOpener(event);
    const { key } = /** @type {KeyboardEvent} */ (event);
    if (opener && (key === "ArrowDown" || key === "ArrowUp")) {
      event.preventDefault();
      menu.toggle(opener, { focusLast: key === "ArrowUp" });
    }
  });
}

/** @param {KeyboardEvent} event @returns {boolean} */
function hasModifier(event) {
  return event.ctrlKey || event.altKey || event.metaKey;
}
