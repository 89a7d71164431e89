// The search: a dialog over the page, in which a word finds conversations and actions.

import { ConnectionLost, RequestRefused } from "./connection.js";
import { openDialog } from "./dialog.js";
import { shortMoment } from "./dates.js";
import { addresses, copyOf, element, part } from "./page.js";
import { say } from "./strings.js";

/** @import { Connection } from "./connection.js" */
/** @import { ConversationObject } from "./wire.js" */

const TYPING_PAUSE = 120;
const RECENT = 6;
const FOUND = 30;

export class Search {
  #timer = 0;
  #asked = 0;
  #isAsking = false;
  #opensFirst = false;

  /** @param {Connection} connection */
  constructor(connection) {
    this.connection = connection;
    this.dialog = element("search", HTMLDialogElement);
    this.field = element("search-text", HTMLInputElement);
    this.found = part(this.dialog, "found");
    this.actions = /** @type {HTMLElement[]} */ ([...part(this.dialog, "actions").querySelectorAll('[role="option"]')]);
    this.field.addEventListener("input", () => this.#typed());
    this.field.addEventListener("keydown", (event) => this.#pressed(event));
    this.dialog.addEventListener("click", (event) => {
      if (event.target instanceof Element && event.target.closest("button[role=option]")) {
        this.dialog.close();
      }
    });
    this.dialog.addEventListener("pointermove", (event) => {
      const option = event.target instanceof Element ? event.target.closest("[role=option]") : null;
      if (option instanceof HTMLElement) {
        this.#select(option);
      }
    });
    for (const button of document.querySelectorAll("[data-search]")) {
      button.addEventListener("click", () => this.open());
    }
  }

  open() {
    this.field.value = "";
    this.#show([], "");
    openDialog(this.dialog);
    this.field.focus();
    void this.#find();
  }

  #typed() {
    this.#asked += 1; // What is under way answers another question
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#find(), TYPING_PAUSE);
    this.#isAsking = true;
    this.#opensFirst = false;
    this.#filter();
  }

  /** Shows what the server finds; of several answers, that to the newest question. */
  async #find() {
    const query = this.field.value.trim();
    const asked = ++this.#asked;
    try {
      const lists = query ? [{ query, limit: FOUND }, { query, archived: true, limit: FOUND }] : [{ limit: RECENT }];
      const answers = await Promise.all(lists.map((params) => this.connection.request("conversation.list", params)));
      if (asked === this.#asked) {
        this.#show(answers.flatMap(({ conversations }) => conversations), query);
      }
    } catch (error) {
      if (!(error instanceof ConnectionLost || error instanceof RequestRefused)) {
        throw error;
      }
      if (asked === this.#asked) {
        this.#show([], query);
        this.#note(say("search_offline"));
      }
    }
  }

  /** @param {ConversationObject[]} conversations @param {string} query */
  #show(conversations, query) {
    const options = conversations.map((conversation) => resultOf(conversation, query));
    part(this.found, "heading").textContent = say(query ? "conversations" : "recent");
    this.found.querySelectorAll("[role=option]").forEach((option) => option.remove());
    this.found.append(...options);
    this.#isAsking = false;
    this.#filter();
    this.#note(query && !options.length ? say("nothing_found", { query }) : "");
    part(this.dialog, "status").textContent = query ? say("found", { n: this.#options().length }) : "";
    const [first] = this.#options();
    if (this.#opensFirst && first) {
      first.click();
    }
    this.#opensFirst = false;
  }

  /** @param {string} sentence empty for none */
  #note(sentence) {
    const note = part(this.dialog, "note");
    note.textContent = sentence;
    note.hidden = !sentence;
  }

  /** Hides what is not meant, at once: also of what was found before the last letters were typed. */
  #filter() {
    const query = this.field.value.trim().toLowerCase();
    const words = query.split(/\s+/);
    for (const action of this.actions) {
      action.hidden = !words.every((word) => titleOf(action).includes(word));
    }
    const found = /** @type {NodeListOf<HTMLElement>} */ (this.found.querySelectorAll("[role=option]"));
    for (const option of found) {
      option.hidden = this.#isAsking && !titleOf(option).includes(query);
    }
    for (const group of [this.found, part(this.dialog, "actions")]) {
      group.hidden = !group.querySelector("[role=option]:not([hidden])");
    }
    this.#note("");
    this.#select(this.#options()[0] ?? null);
  }

  /** @returns {HTMLElement[]} */
  #options() {
    const all = /** @type {NodeListOf<HTMLElement>} */ (this.dialog.querySelectorAll("[role=option]"));
    return [...all].filter((option) => !option.hidden);
  }

  /** @returns {HTMLElement | null} */
  #selected() {
    return this.dialog.querySelector('[role=option][aria-selected="true"]');
  }

  /** @param {HTMLElement | null} option */
  #select(option) {
    this.#selected()?.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    this.field.setAttribute("aria-activedescendant", option?.id ?? "");
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.isComposing) {
      return;
    }
    const selected = this.#selected();
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const options = this.#options();
      const at = selected ? options.indexOf(selected) : -1;
      const next = options[(at + (event.key === "ArrowDown" ? 1 : -1) + options.length) % options.length];
      event.preventDefault();
      this.#select(next ?? null);
      next?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && selected) {
      event.preventDefault();
      open(selected, event.ctrlKey || event.metaKey);
    } else if (event.key === "Enter") {
      this.#opensFirst = this.#isAsking;
    }
  }
}

/** @param {HTMLElement} option @returns {string} in lower case */
function titleOf(option) {
  return option.querySelector(".result-title")?.textContent?.toLowerCase() ?? "";
}

/** @param {HTMLElement} option @param {boolean} inNewTab */
function open(option, inNewTab) {
  if (inNewTab && option instanceof HTMLAnchorElement) {
    window.open(option.href, "_blank", "noopener");
  } else {
    option.click();
  }
}

/** @param {ConversationObject} conversation @param {string} query @returns {HTMLElement} */
function resultOf({ id, title, archived, updated_at: updated }, query) {
  const result = /** @type {HTMLAnchorElement} */ (copyOf("blank-result", ".result"));
  const moment = shortMoment(Date.parse(updated));
  result.id = `result-${id}`;
  result.href = addresses.conversation(id);
  /** @type {HTMLElement} */ (result.querySelector(".result-title")).append(...marked(title || say("untitled"), query));
  /** @type {HTMLElement} */ (result.querySelector(".result-note")).textContent = archived ? `${say("archive")} · ${moment}` : moment;
  return result;
}

/** The title, with what was asked for marked. @param {string} title @param {string} query @returns {Array<string | HTMLElement>} */
function marked(title, query) {
  const at = query ? title.toLowerCase().indexOf(query.toLowerCase()) : -1;
  if (at < 0) {
    return [title];
  }
  const mark = document.createElement("mark");
  mark.textContent = title.slice(at, at + query.length);
  return [title.slice(0, at), mark, title.slice(at + query.length)];
}
