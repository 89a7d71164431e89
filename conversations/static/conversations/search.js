// The search dialog, which finds conversations by their title, and actions.

import { ConnectionLostError, RequestError } from "./connection.js";
import { shortDate } from "./dates.js";
import { openDialog } from "./dialog.js";
import { cloneTemplate, getElement, getPart, urls } from "./dom.js";
import { translate } from "./strings.js";

/** @import { Connection } from "./connection.js" */
/** @import { ConversationObject } from "./protocol.js" */

const DEBOUNCE_MS = 120;
const MAX_RECENT = 6;
const MAX_RESULTS = 30;

export class Search {
  #timer = 0;
  /** The number of the newest query; results of older queries are dropped. */
  #queryId = 0;
  #isPending = false;
  /** Whether to open the first result when the results come, because Enter was pressed before. */
  #opensFirstResult = false;

  /** @param {Connection} connection */
  constructor(connection) {
    this.connection = connection;
    this.dialog = getElement("search", HTMLDialogElement);
    this.field = getElement("search-text", HTMLInputElement);
    this.results = getPart(this.dialog, "found");
    this.actions = getPart(this.dialog, "actions");
    this.field.addEventListener("input", () => this.#handleInput());
    this.field.addEventListener("keydown", (event) => this.#handleKey(event));
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
    this.#showResults([], "");
    openDialog(this.dialog);
    this.field.focus();
    void this.#search();
  }

  #handleInput() {
    this.#queryId += 1; // Drops the results that are under way.
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#search(), DEBOUNCE_MS);
    this.#isPending = true;
    this.#opensFirstResult = false;
    this.#filter();
  }

  async #search() {
    const query = this.field.value.trim();
    const queryId = ++this.#queryId;
    try {
      const params = query ? [{ query, limit: MAX_RESULTS }, { query, archived: true, limit: MAX_RESULTS }] : [{ limit: MAX_RECENT }];
      const responses = await Promise.all(params.map((param) => this.connection.request("conversation.list", param)));
      if (queryId === this.#queryId) {
        this.#showResults(responses.flatMap(({ conversations }) => conversations), query);
      }
    } catch (error) {
      if (!(error instanceof ConnectionLostError || error instanceof RequestError)) {
        throw error;
      }
      if (queryId === this.#queryId) {
        this.#showResults([], query);
        this.#showNote(translate("search_offline"));
      }
    }
  }

  /** @param {ConversationObject[]} conversations @param {string} query */
  #showResults(conversations, query) {
    const results = conversations.map((conversation) => createResult(conversation, query));
    getPart(this.results, "heading").textContent = translate(query ? "conversations" : "recent");
    optionsIn(this.results).forEach((option) => option.remove());
    this.results.append(...results);
    this.#isPending = false;
    this.#filter();
    this.#showNote(query && !results.length ? translate("nothing_found", { query }) : "");
    const options = this.#visibleOptions();
    getPart(this.dialog, "status").textContent = query ? translate("found", { n: options.length }) : "";
    if (this.#opensFirstResult) {
      options[0]?.click();
    }
    this.#opensFirstResult = false;
  }

  /** @param {string} text "" hides the note */
  #showNote(text) {
    const note = getPart(this.dialog, "note");
    note.textContent = text;
    note.hidden = !text;
  }

  /** Hides what does not match: actions, and until new results come, old ones. */
  #filter() {
    const query = this.field.value.trim().toLowerCase();
    const words = query.split(/\s+/);
    for (const action of optionsIn(this.actions)) {
      action.hidden = !words.every((word) => titleOf(action).includes(word));
    }
    for (const result of optionsIn(this.results)) {
      result.hidden = this.#isPending && !titleOf(result).includes(query);
    }
    for (const group of [this.results, this.actions]) {
      group.hidden = !group.querySelector("[role=option]:not([hidden])");
    }
    this.#showNote("");
    this.#select(this.#visibleOptions()[0] ?? null);
  }

  /** @returns {HTMLElement[]} */
  #visibleOptions() {
    return [...optionsIn(this.dialog)].filter((option) => !option.hidden);
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
  #handleKey(event) {
    if (event.isComposing) {
      return;
    }
    const selected = this.#selected();
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const options = this.#visibleOptions();
      const index = selected ? options.indexOf(selected) : -1;
      const next = options[(index + (event.key === "ArrowDown" ? 1 : -1) + options.length) % options.length];
      event.preventDefault();
      this.#select(next ?? null);
      next?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && selected) {
      event.preventDefault();
      choose(selected, event.ctrlKey || event.metaKey);
    } else if (event.key === "Enter") {
      this.#opensFirstResult = this.#isPending;
    }
  }
}

/** @param {Element} root @returns {NodeListOf<HTMLElement>} */
function optionsIn(root) {
  return root.querySelectorAll("[role=option]");
}

/** @param {HTMLElement} option @returns {string} in lower case */
function titleOf(option) {
  return option.querySelector(".result-title")?.textContent?.toLowerCase() ?? "";
}

/** @param {HTMLElement} option @param {boolean} inNewTab */
function choose(option, inNewTab) {
  if (inNewTab && option instanceof HTMLAnchorElement) {
    window.open(option.href, "_blank", "noopener");
  } else {
    option.click();
  }
}

/** @param {ConversationObject} conversation @param {string} query @returns {HTMLElement} */
function createResult({ id, title, archived, updated_at: updated }, query) {
  const result = /** @type {HTMLAnchorElement} */ (cloneTemplate("blank-result", ".result"));
  const date = shortDate(Date.parse(updated));
  result.id = `result-${id}`;
  result.href = urls.conversation(id);
  /** @type {HTMLElement} */ (result.querySelector(".result-title")).append(...highlightMatch(title || translate("untitled"), query));
  /** @type {HTMLElement} */ (result.querySelector(".result-note")).textContent = archived ? `${translate("archive")} · ${date}` : date;
  return result;
}

/** Returns a title with the query in a `<mark>`. @param {string} title @param {string} query @returns {Array<string | HTMLElement>} */
function highlightMatch(title, query) {
  const start = query ? title.toLowerCase().indexOf(query.toLowerCase()) : -1;
  if (start < 0) {
    return [title];
  }
  const mark = document.createElement("mark");
  mark.textContent = title.slice(start, start + query.length);
  return [title.slice(0, start), mark, title.slice(start + query.length)];
}
