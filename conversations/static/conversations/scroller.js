// Where the reader is. The view follows what grows at its end until the reader scrolls up.

const NEAR = 32;

export class Scroller {
  #following = true;
  #top = 0;

  /**
   * @param {HTMLElement} view what scrolls
   * @param {HTMLElement} content what is in it
   * @param {HTMLElement} jump the button that leads to the end
   */
  constructor(view, content, jump) {
    this.view = view;
    this.content = content;
    this.jump = jump;
    this.#top = view.scrollTop;
    view.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    view.addEventListener("wheel", (event) => event.deltaY < 0 && this.#away() > 0 && this.#release(), { passive: true });
    content.addEventListener("click", (event) => event.target instanceof Element && event.target.closest("summary") && this.#release());
    jump.addEventListener("click", () => this.toEnd());
    const sizes = new ResizeObserver(() => this.#resized());
    sizes.observe(view);
    sizes.observe(content);
  }

  toEnd() {
    this.#following = true;
    this.#resized();
  }

  /**
   * Makes a change that may move what the reader looks at, and keeps it in its place.
   * @param {() => void} change may replace messages and steps by new ones of the same ids
   */
  keepPlace(change) {
    this.#following &&= !this.#isAbove();
    const anchor = this.#following ? null : this.#anchor();
    const before = anchor?.getBoundingClientRect().top ?? 0;
    change();
    const now = anchor && this.#sameAs(anchor);
    if (now) {
      this.view.scrollTop += now.getBoundingClientRect().top - before;
      this.#top = this.view.scrollTop;
    }
    this.#changed();
  }

  /**
   * Makes a change, and keeps an element of the reader's choice in its place: what is below may be another length then.
   * @param {() => HTMLElement | null | undefined} find the element, or after the change the one in its stead
   * @param {() => void} change
   */
  hold(find, change) {
    const before = find()?.getBoundingClientRect().top;
    this.#following = false;
    change();
    const now = find()?.getBoundingClientRect().top;
    if (before !== undefined && now !== undefined) {
      this.view.scrollTop += now - before;
    }
    this.#top = this.view.scrollTop;
    this.#changed();
  }

  /** The size of what is new is known once it was drawn. */
  #changed() {
    if (this.#following) {
      this.#resized();
    } else {
      requestAnimationFrame(() => requestAnimationFrame(() => this.#resized()));
    }
  }

  #away() {
    return this.view.scrollHeight - this.view.scrollTop - this.view.clientHeight;
  }

  #release() {
    this.#following = false;
  }

  /** Whether the reader has scrolled up since the view was here last: the browser tells of that with the next frame only. */
  #isAbove() {
    return this.view.scrollTop < this.#top && this.#away() > 1;
  }

  #scrolled() {
    const away = this.#away();
    if (this.#isAbove()) {
      this.#following = false;
    } else if (away <= NEAR) {
      this.#following = true;
    }
    this.#top = this.view.scrollTop;
    this.#showJump(away);
  }

  #resized() {
    this.#following ||= this.#away() <= 1;
    if (this.#following && this.#hasMessages()) {
      this.view.scrollTop = this.view.scrollHeight;
      this.#top = this.view.scrollTop;
    }
    this.#showJump(this.#away());
  }

  /** @param {number} away */
  #showJump(away) {
    this.jump.hidden = this.#following || away <= NEAR || !this.#hasMessages();
  }

  /** Else there is the welcome, which one reads from its beginning. */
  #hasMessages() {
    return this.content.querySelector("[data-message]") !== null;
  }

  /** The first step or message of which something is in view. */
  #anchor() {
    const top = this.view.getBoundingClientRect().top;
    /** @param {Iterable<Element>} elements */
    const firstInView = (elements) => [...elements].find((one) => one.getBoundingClientRect().bottom > top);
    const message = firstInView(this.content.querySelectorAll("[data-message]"));
    return message && (firstInView(message.querySelectorAll("[data-step]")) ?? message);
  }

  /** @param {Element} anchor @returns {Element | null | undefined} */
  #sameAs(anchor) {
    if (anchor.isConnected) {
      return anchor;
    }
    const message = /** @type {HTMLElement | null} */ (anchor.closest("[data-message]"));
    const found = message && this.content.querySelector(`[data-message="${message.dataset.message}"]`);
    const step = anchor instanceof HTMLElement ? anchor.dataset.step : undefined;
    return (step && found?.querySelector(`[data-step="${step}"]`)) || found;
  }
}
