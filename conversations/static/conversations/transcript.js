// The messages on the page, oldest first: the end of one branch of the conversation.

import { cloneTemplate, fetchFragment, getPart } from "./dom.js";
import { reuseLiveTexts } from "./formatted-text.js";
import { showVersions, versionIds } from "./message-versions.js";

/** @import { MessageObject } from "./protocol.js" */
/** @import { Scroller } from "./scroller.js" */

export class Transcript {
  /** @param {HTMLElement} element @param {Scroller} scroller */
  constructor(element, scroller) {
    this.element = element;
    this.scroller = scroller;
    this.olderObserver = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && void this.#loadOlder(), {
      root: scroller.view,
      rootMargin: "1200px",
    });
    this.#observeOlder();
  }

  /** @param {string} id @returns {HTMLElement | null} */
  find(id) {
    return this.element.querySelector(`[data-message="${CSS.escape(id)}"]`);
  }

  /** @returns {string | null} the id of the last message */
  get leafId() {
    return messagesIn(this.element).at(-1)?.dataset.message ?? null;
  }

  /**
   * Adds a question after its parent and removes what followed that.
   * @param {MessageObject} message
   * @returns {boolean} false if the page does not show its parent
   */
  addQuestion({ id, parent_id: parentId, content, siblings }) {
    if (this.find(id)) {
      return true;
    }
    const parent = parentId && this.find(parentId);
    if (parentId && !parent) {
      return false;
    }
    const question = cloneTemplate("blank-messages", ".question");
    question.dataset.message = id;
    question.dataset.parent = parentId ?? "";
    getPart(question, "text").textContent = content.text;
    showVersions(question, siblings);
    this.#removeFrom(parent ? parent.nextElementSibling : this.element.firstElementChild);
    this.element.append(question);
    this.scroller.scrollToEnd();
    return true;
  }

  /**
   * Returns the element of an answer, which is added after its question if the page does not show it yet.
   * @param {string} questionId
   * @param {string} id
   * @returns {HTMLElement} not connected if the page does not show its question
   */
  findOrAddAnswer(questionId, id) {
    const found = this.find(id);
    if (found) {
      return found;
    }
    const answer = this.createAnswer(questionId, id);
    const question = this.find(questionId);
    if (question) {
      const otherVersion = question.nextElementSibling;
      showVersions(answer, otherVersion instanceof HTMLElement ? [...versionIds(otherVersion), id] : [id]);
      this.#removeFrom(otherVersion);
      this.element.append(answer);
      this.scroller.scrollToEnd();
    }
    return answer;
  }

  /** @param {string} questionId @param {string} id @returns {HTMLElement} an empty answer that is not on the page */
  createAnswer(questionId, id) {
    const answer = cloneTemplate("blank-messages", ".answer");
    answer.dataset.message = id;
    answer.dataset.parent = questionId;
    return answer;
  }

  /** Replaces an answer that has ended by the server's rendering. @param {HTMLElement} rendered */
  replace(rendered) {
    const live = this.find(rendered.dataset.message ?? "");
    if (live) {
      copyOpenState(live, rendered);
      this.scroller.preserveScroll(() => {
        reuseLiveTexts(live, rendered);
        live.replaceWith(rendered);
      });
    }
  }

  /**
   * Shows the newest messages as the server has stored them. Elements of unchanged messages and of the live answer are kept.
   * @param {HTMLElement} fragment
   * @param {HTMLElement | null} liveAnswer
   */
  update(fragment, liveAnswer) {
    this.scroller.preserveScroll(() => this.#merge(fragment, liveAnswer));
    this.#observeOlder();
  }

  /**
   * Shows another branch of the conversation, with another version of a message.
   * @param {HTMLElement} fragment the newest messages of that branch
   * @param {HTMLElement | null} liveAnswer
   * @param {string} shownId the version that is shown now
   * @param {string} selectedId the version to show
   */
  async switchVersion(fragment, liveAnswer, shownId, selectedId) {
    await loadOlderUntil(fragment, selectedId);
    const version = () => this.find(selectedId) ?? this.find(shownId);
    // If the message begins above the view, the version buttons stay in place, one of which was clicked.
    const isInView = (version()?.getBoundingClientRect().top ?? 0) >= this.scroller.view.getBoundingClientRect().top;
    const merge = () => this.#merge(fragment, liveAnswer);
    this.scroller.pinElement(isInView ? version : () => version()?.querySelector('[data-part="versions"]'), merge);
    this.#observeOlder();
  }

  /** @param {HTMLElement} fragment @param {HTMLElement | null} liveAnswer */
  #merge(fragment, liveAnswer) {
    const messages = messagesIn(fragment);
    const start = this.#findStart(messages[0]);
    if (start === undefined) {
      this.element.replaceChildren(...[...fragment.children].map((child) => preferLive(child, liveAnswer)));
      return;
    }
    /** @type {Element | null} */
    let shown = start;
    for (const message of messages) {
      /** @type {Element | null | undefined} */
      const next = shown?.nextElementSibling;
      if (shown instanceof HTMLElement && isSameMessage(shown, message)) {
        updateMessage(shown, message, liveAnswer);
      } else {
        this.#removeFrom(shown);
        this.element.append(preferLive(message, liveAnswer));
      }
      shown = next?.isConnected ? next : null;
    }
    this.#removeFrom(shown);
  }

  /**
   * Returns the element in whose place the first of some messages belongs.
   * @param {HTMLElement | undefined} first
   * @returns {Element | null | undefined} null for the end of the transcript, undefined if they do not belong to what is shown
   */
  #findStart(first) {
    const shown = first && this.find(first.dataset.message ?? "");
    return shown ?? (first && this.find(first.dataset.parent ?? "")?.nextElementSibling);
  }

  /** @returns {HTMLAnchorElement | null} */
  #olderLink() {
    return this.element.querySelector("[data-older]");
  }

  #observeOlder() {
    this.olderObserver.disconnect();
    const link = this.#olderLink();
    if (link) {
      this.olderObserver.observe(link);
    }
  }

  async #loadOlder() {
    const link = this.#olderLink();
    this.olderObserver.disconnect();
    try {
      const fragment = await fetchFragment(link?.dataset.older ?? "");
      if (link?.isConnected) {
        this.scroller.preserveScroll(() => link.replaceWith(...fragment.children));
        this.#observeOlder();
      }
    } catch {
      // The link stays, and can be clicked.
    }
  }

  /** Removes an element and all that follow it. @param {Element | null} first */
  #removeFrom(first) {
    while (first) {
      const next = first.nextElementSibling;
      first.remove();
      first = next;
    }
  }
}

/** @param {HTMLElement} element @returns {HTMLElement[]} */
function messagesIn(element) {
  return [.../** @type {NodeListOf<HTMLElement>} */ (element.querySelectorAll("[data-message]"))];
}

/** @param {Element} element @param {HTMLElement | null} message @returns {message is HTMLElement} */
function isSameMessage(element, message) {
  return element instanceof HTMLElement && !!element.dataset.message && element.dataset.message === message?.dataset.message;
}

/** @param {HTMLElement} shown @param {HTMLElement} rendered the same message as it is stored now @param {HTMLElement | null} liveAnswer */
function updateMessage(shown, rendered, liveAnswer) {
  if (isSameMessage(shown, liveAnswer)) {
    if (shown !== liveAnswer) {
      shown.replaceWith(liveAnswer);
    }
  } else if (shown.dataset.status !== rendered.dataset.status || rendered.dataset.status === "streaming") {
    copyOpenState(shown, rendered);
    shown.replaceWith(rendered);
  } else if (!getPart(shown, "footer").isEqualNode(getPart(rendered, "footer"))) {
    shown.dataset.siblings = rendered.dataset.siblings;
    getPart(shown, "footer").replaceWith(getPart(rendered, "footer"));
  }
}

/** Returns the live answer if it is the same message, with its versions updated. @param {Element} rendered @param {HTMLElement | null} liveAnswer */
function preferLive(rendered, liveAnswer) {
  if (!isSameMessage(rendered, liveAnswer)) {
    return rendered;
  }
  showVersions(liveAnswer, versionIds(/** @type {HTMLElement} */ (rendered)));
  return liveAnswer;
}

/** Keeps thinking and tool steps open or closed as the user left them. @param {HTMLElement} shown @param {HTMLElement} rendered */
function copyOpenState(shown, rendered) {
  for (const step of /** @type {NodeListOf<HTMLElement>} */ (shown.querySelectorAll("details[data-step]"))) {
    rendered.querySelector(`details[data-step="${step.dataset.step}"]`)?.toggleAttribute("open", step.hasAttribute("open"));
  }
}

/** Adds earlier pages to a fragment until it contains a message. @param {HTMLElement} fragment @param {string} id */
async function loadOlderUntil(fragment, id) {
  for (;;) {
    const link = /** @type {HTMLElement | null} */ (fragment.querySelector("[data-older]"));
    if (!link || fragment.querySelector(`[data-message="${CSS.escape(id)}"]`)) {
      return;
    }
    const older = await fetchFragment(link.dataset.older ?? "");
    link.replaceWith(...older.children);
  }
}
