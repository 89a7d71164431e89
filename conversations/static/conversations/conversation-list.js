// A list of conversations, ordered by their last activity and grouped under headings such as "Today".

import { periodLabel } from "./dates.js";
import { cloneTemplate, fetchFragment, urls } from "./dom.js";
import { translate } from "./strings.js";

/** @import { Connection } from "./connection.js" */
/** @import { ConversationObject } from "./protocol.js" */

const REFRESH_LIMIT = 50;
const MAX_PINNED = 200;

/**
 * @typedef {object} ListKind
 * @property {(conversation: ConversationObject) => boolean} includes whether the list shows a conversation
 * @property {boolean} pinnedFirst whether pinned conversations have a section of their own
 * @property {object[]} queries params of conversation.list for the beginning of the list
 */

/** @param {HTMLElement} element @returns {ListKind} */
function kindOf(element) {
  const { list, project } = element.dataset;
  switch (list) {
    case "project":
      return {
        includes: ({ archived, project_id: id }) => !archived && id === project,
        pinnedFirst: false,
        queries: [{ project_id: project, limit: REFRESH_LIMIT }],
      };
    case "archived":
      return { includes: ({ archived }) => archived, pinnedFirst: false, queries: [{ archived: true, limit: REFRESH_LIMIT }] };
    default:
      return {
        includes: ({ archived }) => !archived,
        pinnedFirst: true,
        queries: [
          { pinned: true, limit: MAX_PINNED },
          { pinned: false, limit: REFRESH_LIMIT },
        ],
      };
  }
}

export class ConversationList {
  /** By the conversation's id. @type {Map<string, HTMLElement>} */ #items = new Map();
  #currentId = document.body.dataset.conversation ?? "";

  /** @param {HTMLElement} element with `data-list` */
  constructor(element) {
    this.element = element;
    this.kind = kindOf(element);
    for (const item of findItems(element)) {
      this.#register(item);
      this.#moveIntoOrder(item);
    }
    const root = /** @type {HTMLElement | null} */ (element.closest("[data-scroller]")) ?? element;
    this.moreObserver = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && void this.#loadMore(), {
      root,
      rootMargin: "600px",
    });
    this.#observeMore();
    element.addEventListener("keydown", (event) => this.#handleKey(event));
  }

  /** Adds, updates, moves or removes a conversation. @param {ConversationObject} conversation */
  update(conversation) {
    const { id, title, archived, pinned, project_id: projectId, updated_at: updated, run_id: runId } = conversation;
    if (!this.kind.includes(conversation)) {
      this.remove(id);
      return;
    }
    const item = this.#items.get(id) ?? cloneTemplate("blank-conversation", ".conversation");
    item.dataset.conversation = id;
    item.dataset.project = projectId ?? "";
    item.dataset.updated = updated;
    item.toggleAttribute("data-pinned", pinned);
    item.toggleAttribute("data-archived", archived);
    item.classList.toggle("live", runId !== null);
    linkOf(item).href = urls.conversation(id);
    setTitle(item, title);
    this.#register(item);
    this.#moveIntoOrder(item);
  }

  /** @param {string} id */
  remove(id) {
    const item = this.#items.get(id);
    if (!item) {
      return;
    }
    this.#items.delete(id);
    let nextFocus = null;
    if (item.contains(document.activeElement)) {
      const items = findItems(this.element);
      const index = items.indexOf(item);
      nextFocus = items[index + 1] ?? items[index - 1];
    }
    removeItem(item);
    if (nextFocus) {
      linkOf(nextFocus).focus();
    }
  }

  /** Fetches the beginning of the list, which may have changed while there was no connection. @param {Connection} connection */
  async refresh(connection) {
    for (const query of this.kind.queries) {
      const { conversations, next_cursor: next } = await connection.request("conversation.list", query);
      this.#removeOthers(conversations, next === null, "pinned" in query ? Boolean(query.pinned) : null);
      conversations.forEach((/** @type {ConversationObject} */ conversation) => this.update(conversation));
    }
  }

  /** Marks the conversation that the page shows. @param {string} id */
  setCurrent(id) {
    this.#currentId = id;
    for (const link of this.element.querySelectorAll("[aria-current]")) {
      link.removeAttribute("aria-current");
    }
    this.#items.get(id)?.querySelector("a")?.setAttribute("aria-current", "page");
  }

  /**
   * Removes the items that a response of the server should have contained but did not.
   * @param {ConversationObject[]} received newest first
   * @param {boolean} isComplete whether nothing older exists
   * @param {boolean | null} pinned whether the response has only pinned conversations, or only others; null for both
   */
  #removeOthers(received, isComplete, pinned) {
    const ids = new Set(received.map(({ id }) => id));
    const oldest = isComplete || !received.length ? -Infinity : Date.parse(received[received.length - 1].updated_at);
    for (const [id, item] of this.#items) {
      const isCovered = pinned === null || isPinned(item) === pinned;
      if (isCovered && !ids.has(id) && updatedAt(item) > oldest) {
        this.remove(id);
      }
    }
  }

  /** Makes an item part of the list and adds its menu button, which pages without scripts do not have. @param {HTMLElement} item */
  #register(item) {
    const id = item.dataset.conversation ?? "";
    if (!item.querySelector(".conversation-more")) {
      item.append(cloneTemplate("blank-more", ".conversation-more"));
    }
    this.#items.set(id, item);
    if (id === this.#currentId) {
      linkOf(item).setAttribute("aria-current", "page");
    }
  }

  /** Moves an item to where its time belongs, unless it is there. @param {HTMLElement} item */
  #moveIntoOrder(item) {
    const label = this.#labelOf(item);
    const isInPeriod = item.closest(".period")?.querySelector("h2")?.textContent === label;
    const next = /** @type {HTMLElement | null} */ (item.nextElementSibling);
    const previous = /** @type {HTMLElement | null} */ (item.previousElementSibling);
    const isInOrder = (!next || updatedAt(next) <= updatedAt(item)) && (!previous || updatedAt(previous) >= updatedAt(item));
    if (!isInPeriod || !isInOrder) {
      const focused = item.contains(document.activeElement) ? document.activeElement : null;
      removeItem(item);
      this.#insert(item, label);
      if (focused instanceof HTMLElement) {
        focused.focus({ preventScroll: true });
      }
    }
  }

  /** @param {HTMLElement} item @param {string} label the heading that it belongs under */
  #insert(item, label) {
    const items = /** @type {HTMLUListElement} */ (this.#findOrAddPeriod(item, label).querySelector("ul"));
    const last = /** @type {HTMLElement | null} */ (items.lastElementChild);
    if (!last || updatedAt(last) >= updatedAt(item)) {
      items.append(item);
      return;
    }
    const next = [...items.children].find((other) => updatedAt(/** @type {HTMLElement} */ (other)) < updatedAt(item));
    items.insertBefore(item, next ?? null);
  }

  /** Returns the section with this heading, which is added in order if there is none. @param {HTMLElement} item @param {string} label */
  #findOrAddPeriod(item, label) {
    const periods = [...this.element.querySelectorAll(".period")];
    const found = periods.find((period) => period.querySelector("h2")?.textContent === label);
    if (found) {
      return found;
    }
    const next = periods.find((period) => {
      const first = /** @type {HTMLElement | null} */ (period.querySelector(".conversation"));
      return first && this.#isBefore(item, first);
    });
    const period = cloneTemplate("blank-period", ".period");
    /** @type {HTMLElement} */ (period.querySelector("h2")).textContent = label;
    this.element.insertBefore(period, next ?? this.#moreLink() ?? this.element.querySelector(".list-empty"));
    return period;
  }

  /** @param {HTMLElement} item @param {HTMLElement} other */
  #isBefore(item, other) {
    if (this.kind.pinnedFirst && isPinned(item) !== isPinned(other)) {
      return isPinned(item);
    }
    return updatedAt(item) > updatedAt(other);
  }

  /** @param {HTMLElement} item @returns {string} the heading that it belongs under */
  #labelOf(item) {
    return this.kind.pinnedFirst && isPinned(item) ? translate("pinned") : periodLabel(updatedAt(item));
  }

  /** @returns {HTMLAnchorElement | null} */
  #moreLink() {
    return this.element.querySelector("[data-more]");
  }

  #observeMore() {
    this.moreObserver.disconnect();
    const link = this.#moreLink();
    if (link) {
      this.moreObserver.observe(link);
    }
  }

  async #loadMore() {
    const link = this.#moreLink();
    this.moreObserver.disconnect();
    if (!link) {
      return;
    }
    try {
      const fragment = await fetchFragment(link.href);
      for (const item of findItems(fragment)) {
        if (!this.#items.has(item.dataset.conversation ?? "")) {
          item.remove();
          this.#register(item);
          this.#insert(item, this.#labelOf(item));
        }
      }
      link.replaceWith(...fragment.querySelectorAll("[data-more]"));
      this.#observeMore();
    } catch {
      // The link stays, and can be clicked.
    }
  }

  /** Moves the focus to the next or previous conversation with the arrow keys. @param {KeyboardEvent} event */
  #handleKey(event) {
    const item = event.target instanceof Element && event.target.matches("a, button") ? event.target.closest(".conversation") : null;
    if (!item || (event.key !== "ArrowDown" && event.key !== "ArrowUp") || event.target !== item.querySelector("a")) {
      return;
    }
    const items = findItems(this.element);
    const next = items[items.indexOf(/** @type {HTMLElement} */ (item)) + (event.key === "ArrowDown" ? 1 : -1)];
    event.preventDefault();
    next?.querySelector("a")?.focus();
  }
}

/** @param {ParentNode} root @returns {HTMLElement[]} */
function findItems(root) {
  return [.../** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll(".conversation"))];
}

/** Removes an item, and its section if that is empty then. @param {HTMLElement} item */
function removeItem(item) {
  const period = item.closest(".period");
  item.remove();
  if (period && !period.querySelector(".conversation")) {
    period.remove();
  }
}

/** @param {HTMLElement} item @returns {HTMLAnchorElement} */
export function linkOf(item) {
  return /** @type {HTMLAnchorElement} */ (item.querySelector("a"));
}

/** @param {HTMLElement} item @param {string} title may be empty */
export function setTitle(item, title) {
  /** @type {HTMLElement} */ (item.querySelector(".conversation-title")).textContent = title || translate("untitled");
}

/** @param {HTMLElement} item */
function isPinned(item) {
  return item.hasAttribute("data-pinned");
}

/** @param {HTMLElement} item @returns {number} milliseconds */
function updatedAt(item) {
  return Date.parse(item.dataset.updated ?? "");
}
