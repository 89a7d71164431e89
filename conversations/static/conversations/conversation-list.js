// A list of conversations: kept in order as the server tells of changes, under headings of the reader's own day.

import { periodOf } from "./dates.js";
import { addresses, copyOf, fetchFragment } from "./page.js";
import { say } from "./strings.js";

/** @import { Connection } from "./connection.js" */
/** @import { ConversationObject } from "./wire.js" */

const REFRESHED = 50;
const MOST_PINNED = 200;

/**
 * @typedef {object} Kind which conversations a list shows
 * @property {(conversation: ConversationObject) => boolean} shows
 * @property {boolean} pinnedFirst
 * @property {object[]} queries params of conversation.list that give its beginning
 */

/** @param {HTMLElement} element @returns {Kind} */
function kindOf(element) {
  const { list, project } = element.dataset;
  switch (list) {
    case "project":
      return {
        shows: ({ archived, project_id: id }) => !archived && id === project,
        pinnedFirst: false,
        queries: [{ project_id: project, limit: REFRESHED }],
      };
    case "archived":
      return { shows: ({ archived }) => archived, pinnedFirst: false, queries: [{ archived: true, limit: REFRESHED }] };
    default:
      return {
        shows: ({ archived }) => !archived,
        pinnedFirst: true,
        queries: [
          { pinned: true, limit: MOST_PINNED },
          { pinned: false, limit: REFRESHED },
        ],
      };
  }
}

export class ConversationList {
  /** @type {Map<string, HTMLElement>} */ #items = new Map();
  #currentId = document.body.dataset.conversation ?? "";

  /** @param {HTMLElement} element with `data-list` */
  constructor(element) {
    this.element = element;
    this.kind = kindOf(element);
    for (const item of this.#itemsIn(element)) {
      this.#adopt(item);
      this.#place(item);
    }
    const root = /** @type {HTMLElement | null} */ (element.closest("[data-scroller]")) ?? element;
    this.more = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && void this.#loadMore(), {
      root,
      rootMargin: "600px",
    });
    this.#watchMore();
    element.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** @param {ConversationObject} conversation */
  change(conversation) {
    const { id, title, archived, pinned, project_id: projectId, updated_at: updated, run_id: runId } = conversation;
    const known = this.#items.get(id);
    if (!this.kind.shows(conversation)) {
      this.delete(id);
      return;
    }
    const item = known ?? copyOf("blank-conversation", ".conversation");
    item.dataset.conversation = id;
    item.dataset.project = projectId ?? "";
    item.dataset.updated = updated;
    item.toggleAttribute("data-pinned", pinned);
    item.toggleAttribute("data-archived", archived);
    item.classList.toggle("live", runId !== null);
    linkOf(item).href = addresses.conversation(id);
    setTitle(item, title);
    this.#adopt(item);
    this.#place(item);
  }

  /** @param {string} id */
  delete(id) {
    const item = this.#items.get(id);
    if (item) {
      this.#items.delete(id);
      this.#take(item);
    }
  }

  /** Asks for the beginning of the list, which may have changed while there was no connection. @param {Connection} connection */
  async refresh(connection) {
    for (const query of this.kind.queries) {
      const { conversations, next_cursor: next } = await connection.request("conversation.list", query);
      this.#forgetOthers(conversations, next === null, "pinned" in query ? Boolean(query.pinned) : null);
      conversations.forEach((/** @type {ConversationObject} */ conversation) => this.change(conversation));
    }
  }

  /** @param {string} id the conversation that the page shows now */
  setCurrent(id) {
    this.#currentId = id;
    for (const link of this.element.querySelectorAll("[aria-current]")) {
      link.removeAttribute("aria-current");
    }
    this.#items.get(id)?.querySelector("a")?.setAttribute("aria-current", "page");
  }

  /** Removes what the server did not name. @param {ConversationObject[]} named @param {boolean} isAll @param {boolean | null} pinned only among those that are, or are not */
  #forgetOthers(named, isAll, pinned) {
    const ids = new Set(named.map(({ id }) => id));
    const oldest = isAll || !named.length ? -Infinity : Date.parse(named[named.length - 1].updated_at);
    for (const [id, item] of this.#items) {
      const isMeant = pinned === null || isPinned(item) === pinned;
      if (isMeant && !ids.has(id) && updatedAt(item) > oldest) {
        this.delete(id);
      }
    }
  }

  /** @param {ParentNode} within @returns {HTMLElement[]} */
  #itemsIn(within) {
    return [.../** @type {NodeListOf<HTMLElement>} */ (within.querySelectorAll(".conversation"))];
  }

  /** Takes an item for one of the list, and gives it what opens its menu: pages are read without scripts too. @param {HTMLElement} item */
  #adopt(item) {
    const id = item.dataset.conversation ?? "";
    if (!item.querySelector(".conversation-more")) {
      item.append(copyOf("blank-more", ".conversation-more"));
    }
    this.#items.set(id, item);
    if (id === this.#currentId) {
      linkOf(item).setAttribute("aria-current", "page");
    }
  }

  /** Takes an item out, and its heading where it was the last. @param {HTMLElement} item */
  #take(item) {
    const period = item.closest(".period");
    const focus = item.contains(document.activeElement) ? neighbourOf(item) : null;
    item.remove();
    if (period && !period.querySelector(".conversation")) {
      period.remove();
    }
    focus?.focus();
  }

  /** Puts an item where its time belongs. @param {HTMLElement} item */
  #place(item) {
    const label = this.#labelOf(item);
    const isHere = item.closest(".period")?.querySelector("h2")?.textContent === label;
    const next = /** @type {HTMLElement | null} */ (item.nextElementSibling);
    const previous = /** @type {HTMLElement | null} */ (item.previousElementSibling);
    const inOrder = (!next || updatedAt(next) <= updatedAt(item)) && (!previous || updatedAt(previous) >= updatedAt(item));
    if (!isHere || !inOrder) {
      const focused = item.contains(document.activeElement) ? document.activeElement : null;
      const period = item.closest(".period");
      item.remove();
      if (period && !period.querySelector(".conversation")) {
        period.remove();
      }
      this.#insert(item, this.#periodFor(item, label));
      if (focused instanceof HTMLElement) {
        focused.focus({ preventScroll: true });
      }
    }
  }

  /** @param {HTMLElement} item @param {Element} period */
  #insert(item, period) {
    const items = /** @type {HTMLUListElement} */ (period.querySelector("ul"));
    const last = /** @type {HTMLElement | null} */ (items.lastElementChild);
    if (!last || updatedAt(last) >= updatedAt(item)) {
      items.append(item);
      return;
    }
    const next = [...items.children].find((one) => updatedAt(/** @type {HTMLElement} */ (one)) < updatedAt(item));
    items.insertBefore(item, next ?? null);
  }

  /** The section under the heading, made where it belongs if there is none. @param {HTMLElement} item @param {string} label */
  #periodFor(item, label) {
    const periods = [...this.element.querySelectorAll(".period")];
    const found = periods.find((period) => period.querySelector("h2")?.textContent === label);
    if (found) {
      return found;
    }
    const later = periods.find((period) => {
      const first = /** @type {HTMLElement | null} */ (period.querySelector(".conversation"));
      return first && this.#isBefore(item, first);
    });
    const made = copyOf("blank-period", ".period");
    /** @type {HTMLElement} */ (made.querySelector("h2")).textContent = label;
    this.element.insertBefore(made, later ?? this.#moreLink() ?? this.element.querySelector(".list-empty"));
    return made;
  }

  /** @param {HTMLElement} one @param {HTMLElement} other */
  #isBefore(one, other) {
    if (this.kind.pinnedFirst && isPinned(one) !== isPinned(other)) {
      return isPinned(one);
    }
    return updatedAt(one) > updatedAt(other);
  }

  /** @param {HTMLElement} item @returns {string} */
  #labelOf(item) {
    return this.kind.pinnedFirst && isPinned(item) ? say("pinned") : periodOf(updatedAt(item));
  }

  /** @returns {HTMLAnchorElement | null} */
  #moreLink() {
    return this.element.querySelector("[data-more]");
  }

  #watchMore() {
    this.more.disconnect();
    const link = this.#moreLink();
    if (link) {
      this.more.observe(link);
    }
  }

  async #loadMore() {
    const link = this.#moreLink();
    this.more.disconnect();
    if (!link) {
      return;
    }
    try {
      this.#append(await fetchFragment(link.href), link);
      this.#watchMore();
    } catch {
      // The link stays, to be clicked.
    }
  }

  /** @param {HTMLElement} fragment @param {HTMLElement} link what led to it */
  #append(fragment, link) {
    for (const item of this.#itemsIn(fragment)) {
      if (!this.#items.has(item.dataset.conversation ?? "")) {
        item.remove();
        this.#adopt(item);
        this.#insert(item, this.#periodFor(item, this.#labelOf(item)));
      }
    }
    const next = fragment.querySelector("[data-more]");
    if (next) {
      link.replaceWith(next);
    } else {
      link.remove();
    }
  }

  /** The arrow keys lead from one conversation to the next. @param {KeyboardEvent} event */
  #pressed(event) {
    const item = event.target instanceof Element && event.target.matches("a, button") ? event.target.closest(".conversation") : null;
    if (!item || (event.key !== "ArrowDown" && event.key !== "ArrowUp") || event.target !== item.querySelector("a")) {
      return;
    }
    const items = this.#itemsIn(this.element);
    const next = items[items.indexOf(/** @type {HTMLElement} */ (item)) + (event.key === "ArrowDown" ? 1 : -1)];
    event.preventDefault();
    next?.querySelector("a")?.focus();
  }
}

/** @param {HTMLElement} item @returns {HTMLAnchorElement} */
export function linkOf(item) {
  return /** @type {HTMLAnchorElement} */ (item.querySelector("a"));
}

/** @param {HTMLElement} item @param {string} title empty for one that has none yet */
export function setTitle(item, title) {
  /** @type {HTMLElement} */ (item.querySelector(".conversation-title")).textContent = title || say("untitled");
}

/** Where focus goes when the item goes. @param {HTMLElement} item @returns {HTMLElement | null} */
function neighbourOf(item) {
  const list = item.closest("[data-list]");
  const items = [...(list?.querySelectorAll(".conversation") ?? [])];
  const at = items.indexOf(item);
  return (items[at + 1] ?? items[at - 1])?.querySelector("a") ?? null;
}

/** @param {HTMLElement} item */
function isPinned(item) {
  return item.hasAttribute("data-pinned");
}

/** @param {HTMLElement} item @returns {number} */
function updatedAt(item) {
  return Date.parse(item.dataset.updated ?? "");
}
