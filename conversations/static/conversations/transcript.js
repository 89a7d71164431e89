// The messages on the page, oldest first: one branch of the conversation, from its newest page back as far as was read.

import { copyOf, fetchFragment, part } from "./page.js";
import { keepTexts } from "./prose.js";
import { showVersions, versionsOf } from "./versions.js";

/** @import { MessageObject } from "./wire.js" */
/** @import { Scroller } from "./scroller.js" */

export class Transcript {
  /** @param {HTMLElement} element @param {Scroller} scroller */
  constructor(element, scroller) {
    this.element = element;
    this.scroller = scroller;
    this.older = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && void this.#loadOlder(), {
      root: scroller.view,
      rootMargin: "1200px",
    });
    this.#watchOlder();
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
   * Shows a question after the message that it follows, in place of what followed that.
   * @param {MessageObject} message
   * @returns {boolean} false if the message that it follows is not here
   */
  addQuestion({ id, parent_id: parentId, content, siblings }) {
    if (this.find(id)) {
      return true;
    }
    const parent = parentId && this.find(parentId);
    if (parentId && !parent) {
      return false;
    }
    const question = copyOf("blank-messages", ".question");
    question.dataset.message = id;
    question.dataset.parent = parentId ?? "";
    part(question, "text").textContent = content.text;
    showVersions(question, siblings);
    this.#cutFrom(parent ? parent.nextElementSibling : this.element.firstElementChild);
    this.element.append(question);
    this.scroller.toEnd();
    return true;
  }

  /**
   * The element of an answer, made after its question if it is not here.
   * @param {string} questionId
   * @param {string} id
   * @returns {HTMLElement} outside of the page if its question is not here
   */
  answerTo(questionId, id) {
    const found = this.find(id);
    if (found) {
      return found;
    }
    const answer = this.newAnswer(questionId, id);
    const question = this.find(questionId);
    if (question) {
      const other = question.nextElementSibling;
      showVersions(answer, other instanceof HTMLElement ? [...versionsOf(other), id] : [id]);
      this.#cutFrom(other);
      this.element.append(answer);
      this.scroller.toEnd();
    }
    return answer;
  }

  /** @param {string} questionId @param {string} id @returns {HTMLElement} an answer in the making, not on the page yet */
  newAnswer(questionId, id) {
    const answer = copyOf("blank-messages", ".answer");
    answer.dataset.message = id;
    answer.dataset.parent = questionId;
    return answer;
  }

  /** Puts the server's rendering of a message in the place of the live one. @param {HTMLElement} rendered */
  replace(rendered) {
    const live = this.find(rendered.dataset.message ?? "");
    if (live) {
      keepOpen(live, rendered);
      this.scroller.keepPlace(() => {
        keepTexts(live, rendered);
        live.replaceWith(rendered);
      });
    }
  }

  /**
   * Shows the newest messages as they are stored. What is here already stays as it is, the live answer as well.
   * @param {HTMLElement} fragment
   * @param {HTMLElement | null} live
   */
  load(fragment, live) {
    this.scroller.keepPlace(() => this.#show(fragment, live));
    this.#watchOlder();
  }

  /**
   * Shows another branch from one of its messages on.
   * @param {HTMLElement} fragment its newest messages
   * @param {HTMLElement | null} live
   * @param {string} fromId the version that is shown now
   * @param {string} toId the one that is to be
   */
  async switchTo(fragment, live, fromId, toId) {
    await addOlderUntil(fragment, toId);
    const shown = () => this.find(toId) ?? this.find(fromId);
    const isInView = (shown()?.getBoundingClientRect().top ?? 0) >= this.scroller.view.getBoundingClientRect().top;
    this.scroller.hold(isInView ? shown : () => shown()?.querySelector('[data-part="versions"]'), () => this.#show(fragment, live));
    this.#watchOlder();
  }

  /** @param {HTMLElement} fragment @param {HTMLElement | null} live */
  #show(fragment, live) {
    const rendered = messagesIn(fragment);
    const start = this.#startOf(rendered[0]);
    if (start === undefined) {
      this.element.replaceChildren(...[...fragment.children].map((child) => orLive(child, live)));
      return;
    }
    /** @type {Element | null} */
    let here = start;
    for (const message of rendered) {
      /** @type {Element | null | undefined} */
      const next = here?.nextElementSibling;
      this.#put(message, here, live);
      here = next?.isConnected ? next : null;
    }
    this.#cutFrom(here);
  }

  /** @param {HTMLElement | undefined} first of messages to show @returns {Element | null | undefined} what is in its place; null at the end of what is here, undefined elsewhere */
  #startOf(first) {
    const same = first && this.find(first.dataset.message ?? "");
    return same ?? (first && this.find(first.dataset.parent ?? "")?.nextElementSibling);
  }

  /** @param {HTMLElement} message @param {Element | null} here what is in its place @param {HTMLElement | null} live */
  #put(message, here, live) {
    if (here instanceof HTMLElement && isSame(here, message)) {
      this.#renew(here, message, live);
    } else {
      this.#cutFrom(here);
      this.element.append(orLive(message, live));
    }
  }

  /** @param {HTMLElement} here @param {HTMLElement} rendered the same message as it is stored now @param {HTMLElement | null} live */
  #renew(here, rendered, live) {
    if (isSame(here, live)) {
      if (here !== live) {
        here.replaceWith(live);
      }
    } else if (here.dataset.status !== rendered.dataset.status || rendered.dataset.status === "streaming") {
      keepOpen(here, rendered);
      here.replaceWith(rendered);
    } else if (!part(here, "footer").isEqualNode(part(rendered, "footer"))) {
      here.dataset.siblings = rendered.dataset.siblings;
      part(here, "footer").replaceWith(part(rendered, "footer"));
    }
  }

  /** @returns {HTMLAnchorElement | null} */
  #olderLink() {
    return this.element.querySelector("[data-older]");
  }

  #watchOlder() {
    this.older.disconnect();
    const link = this.#olderLink();
    if (link) {
      this.older.observe(link);
    }
  }

  async #loadOlder() {
    const link = this.#olderLink();
    this.older.disconnect();
    try {
      const fragment = await fetchFragment(link?.dataset.older ?? "");
      if (link?.isConnected) {
        this.scroller.keepPlace(() => link.replaceWith(...fragment.children));
        this.#watchOlder();
      }
    } catch {
      // The link stays, to be clicked.
    }
  }

  /** @param {Element | null} first goes, and all that follow it */
  #cutFrom(first) {
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

/** @param {Element} one @param {HTMLElement | null} other @returns {other is HTMLElement} */
function isSame(one, other) {
  return one instanceof HTMLElement && !!one.dataset.message && one.dataset.message === other?.dataset.message;
}

/** The live answer in place of what is stored of it, as the version that it is. @param {Element} rendered @param {HTMLElement | null} live */
function orLive(rendered, live) {
  if (!isSame(rendered, live)) {
    return rendered;
  }
  showVersions(live, versionsOf(/** @type {HTMLElement} */ (rendered)));
  return live;
}

/** Cards and thinking stay as the reader has opened or folded them. @param {HTMLElement} shown @param {HTMLElement} rendered */
function keepOpen(shown, rendered) {
  for (const step of /** @type {NodeListOf<HTMLElement>} */ (shown.querySelectorAll("details[data-step]"))) {
    rendered.querySelector(`details[data-step="${step.dataset.step}"]`)?.toggleAttribute("open", step.hasAttribute("open"));
  }
}

/** Puts the pages before a fragment into it, until it has the message. @param {HTMLElement} fragment @param {string} id */
async function addOlderUntil(fragment, id) {
  for (;;) {
    const link = /** @type {HTMLElement | null} */ (fragment.querySelector("[data-older]"));
    if (!link || fragment.querySelector(`[data-message="${CSS.escape(id)}"]`)) {
      return;
    }
    const older = await fetchFragment(link.dataset.older ?? "");
    link.replaceWith(...older.children);
  }
}
