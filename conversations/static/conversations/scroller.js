// The scroll position of the transcript: it follows new content at the end until the user scrolls up.

const NEAR_END_PX = 32;

export class Scroller {
  #isFollowing = true;
  /** The scroll position that was seen last. */
  #top = 0;

  /**
   * @param {HTMLElement} view the scroll container
   * @param {HTMLElement} content its content
   * @param {HTMLElement} jumpButton scrolls to the end
   */
  constructor(view, content, jumpButton) {
    this.view = view;
    this.content = content;
    this.jumpButton = jumpButton;
    this.#top = view.scrollTop;
    view.addEventListener("scroll", () => this.#handleScroll(), { passive: true });
    view.addEventListener("wheel", (event) => {
      if (event.deltaY < 0 && this.#distanceToEnd() > 0) {
        this.#isFollowing = false;
      }
    }, { passive: true });
    content.addEventListener("click", (event) => {
      if (event.target instanceof Element && event.target.closest("summary")) {
        this.#isFollowing = false;
      }
    });
    jumpButton.addEventListener("click", () => this.scrollToEnd());
    const observer = new ResizeObserver(() => this.#handleResize());
    observer.observe(view);
    observer.observe(content);
  }

  scrollToEnd() {
    this.#isFollowing = true;
    this.#handleResize();
  }

  /**
   * Makes a change to the content without moving what is in view.
   * @param {() => void} change may replace messages and steps by new elements with the same ids
   */
  preserveScroll(change) {
    this.#isFollowing &&= !this.#hasScrolledUp();
    const anchor = this.#isFollowing ? null : this.#findAnchor();
    const before = anchor?.getBoundingClientRect().top ?? 0;
    change();
    const replacement = anchor && this.#findReplacement(anchor);
    if (replacement) {
      this.view.scrollTop += replacement.getBoundingClientRect().top - before;
      this.#top = this.view.scrollTop;
    }
    this.#handleChange();
  }

  /**
   * Makes a change to the content without moving one element. What is below it may become shorter or longer.
   * @param {() => HTMLElement | null | undefined} findElement returns the element, or after the change its replacement
   * @param {() => void} change
   */
  pinElement(findElement, change) {
    const before = findElement()?.getBoundingClientRect().top;
    this.#isFollowing = false;
    change();
    const after = findElement()?.getBoundingClientRect().top;
    if (before !== undefined && after !== undefined) {
      this.view.scrollTop += after - before;
    }
    this.#top = this.view.scrollTop;
    this.#handleChange();
  }

  #handleChange() {
    if (this.#isFollowing) {
      this.#handleResize();
    } else {
      // With content-visibility, the size of new elements is known only after they were rendered.
      requestAnimationFrame(() => requestAnimationFrame(() => this.#handleResize()));
    }
  }

  #distanceToEnd() {
    return this.view.scrollHeight - this.view.scrollTop - this.view.clientHeight;
  }

  /** Whether the user has scrolled up since #top was set. The scroll event comes only with the next frame. */
  #hasScrolledUp() {
    return this.view.scrollTop < this.#top && this.#distanceToEnd() > 1;
  }

  #handleScroll() {
    const distance = this.#distanceToEnd();
    if (this.#hasScrolledUp()) {
      this.#isFollowing = false;
    } else if (distance <= NEAR_END_PX) {
      this.#isFollowing = true;
    }
    this.#top = this.view.scrollTop;
    this.#updateJumpButton(distance);
  }

  #handleResize() {
    this.#isFollowing ||= this.#distanceToEnd() <= 1;
    if (this.#isFollowing && this.#hasMessages()) {
      this.view.scrollTop = this.view.scrollHeight;
      this.#top = this.view.scrollTop;
    }
    this.#updateJumpButton(this.#distanceToEnd());
  }

  /** @param {number} distance to the end */
  #updateJumpButton(distance) {
    this.jumpButton.hidden = this.#isFollowing || distance <= NEAR_END_PX || !this.#hasMessages();
  }

  /** An empty chat shows a welcome text, which is read from its beginning. */
  #hasMessages() {
    return this.content.querySelector("[data-message]") !== null;
  }

  /** Returns the first step in view, or the first message if it has no step in view. */
  #findAnchor() {
    const { top } = this.view.getBoundingClientRect();
    /** @param {Iterable<Element>} elements */
    const firstInView = (elements) => [...elements].find((element) => element.getBoundingClientRect().bottom > top);
    const message = firstInView(this.content.querySelectorAll("[data-message]"));
    return message && (firstInView(message.querySelectorAll("[data-step]")) ?? message);
  }

  /** Returns the element that shows the same step or message as an anchor. @param {Element} anchor @returns {Element | null | undefined} */
  #findReplacement(anchor) {
    if (anchor.isConnected) {
      return anchor;
    }
    const oldMessage = /** @type {HTMLElement | null} */ (anchor.closest("[data-message]"));
    const message = oldMessage && this.content.querySelector(`[data-message="${oldMessage.dataset.message}"]`);
    const step = anchor instanceof HTMLElement ? anchor.dataset.step : undefined;
    return (step && message?.querySelector(`[data-step="${step}"]`)) || message;
  }
}
