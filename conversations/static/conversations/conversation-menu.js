// What can be done with a conversation of a list: rename it in its place, pin, move, archive, delete.

import { ConnectionLost, RequestRefused } from "./connection.js";
import { linkOf, setTitle } from "./conversation-list.js";
import { confirmed, openDialog } from "./dialog.js";
import { Menu, opensMenu } from "./menu.js";
import { copyOf, element, part } from "./page.js";
import { showToast } from "./toast.js";
import { say } from "./strings.js";

/** @import { Connection } from "./connection.js" */

const TITLE_LENGTH = 200;
const MOST_PROJECTS = 200;
const NO_PROJECT = "none";

export class ConversationMenu {
  /** @param {Connection} connection */
  constructor(connection) {
    this.connection = connection;
    this.menu = new Menu(element("conversation-menu", HTMLElement));
    this.deleteDialog = element("delete-conversation", HTMLDialogElement);
    this.moveDialog = element("move-conversation", HTMLDialogElement);
    opensMenu(document, this.menu, "[data-conversation-more]");
    this.menu.element.addEventListener("beforetoggle", (event) => event.newState === "open" && this.#offer());
    this.menu.element.addEventListener("click", (event) => {
      const chosen = event.target instanceof Element ? event.target.closest("[data-action]") : null;
      const item = this.#item;
      if (chosen && item) {
        this.#carryOut(chosen.getAttribute("data-action"), item);
      }
    });
    document.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** The conversation whose menu was opened last. @returns {HTMLElement | null} */
  get #item() {
    return this.menu.opener?.closest(".conversation") ?? null;
  }

  /** Shows what can be done with this one. */
  #offer() {
    const item = this.#item;
    const has = (/** @type {string} */ name) => item?.hasAttribute(`data-${name}`) ?? false;
    /** @type {Record<string, boolean>} */
    const offered = {
      pin: !has("pinned") && !has("archived"),
      unpin: has("pinned") && !has("archived"),
      archive: !has("archived"),
      unarchive: has("archived"),
    };
    for (const [action, isOffered] of Object.entries(offered)) {
      /** @type {HTMLElement} */ (this.menu.element.querySelector(`[data-action="${action}"]`)).hidden = !isOffered;
    }
    this.menu.element.setAttribute("aria-label", say("options_of", { title: item ? titleOf(item) : "" }));
  }

  /** @param {string | null} action @param {HTMLElement} item */
  #carryOut(action, item) {
    switch (action) {
      case "rename":
        this.#rename(item);
        break;
      case "pin":
      case "unpin":
        void this.#update(item, { pinned: action === "pin" });
        break;
      case "archive":
      case "unarchive":
        void this.#archive(item, action === "archive");
        break;
      case "move":
        void this.#move(item);
        break;
      case "delete":
        void this.#delete(item);
        break;
    }
  }

  /** F2 renames and Delete deletes the conversation in focus. @param {KeyboardEvent} event */
  #pressed(event) {
    const item = event.target instanceof HTMLAnchorElement ? /** @type {HTMLElement | null} */ (event.target.closest(".conversation")) : null;
    if (item && (event.key === "F2" || event.key === "Delete")) {
      event.preventDefault();
      this.#carryOut(event.key === "F2" ? "rename" : "delete", item);
    }
  }

  /** @param {HTMLElement} item */
  #rename(item) {
    const link = linkOf(item);
    const former = titleOf(item);
    const field = document.createElement("input");
    field.className = "conversation-rename";
    field.value = former;
    field.maxLength = TITLE_LENGTH;
    field.dir = "auto";
    field.setAttribute("aria-label", say("title"));
    item.classList.add("renaming");
    link.after(field);
    field.select();
    let isOver = false;
    const end = async (/** @type {boolean} */ keeps, /** @type {boolean} */ byKey) => {
      const title = field.value.trim();
      if (isOver) {
        return;
      }
      isOver = true;
      if (keeps && title && title !== former && !(await this.#update(item, { title }))) {
        isOver = false; // what was typed stays, to be tried again
        return;
      }
      if (keeps && title) {
        setTitle(item, title);
      }
      field.remove();
      item.classList.remove("renaming");
      if (byKey) {
        link.focus();
      }
    };
    field.addEventListener("blur", () => void end(true, false));
    field.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (!event.isComposing && (event.key === "Enter" || event.key === "Escape")) {
        event.preventDefault();
        void end(event.key === "Enter", true);
      }
    });
  }

  /** @param {HTMLElement} item @param {boolean} archived */
  async #archive(item, archived) {
    if (await this.#update(item, { archived })) {
      showToast(say(archived ? "archived" : "unarchived"), () => void this.#update(item, { archived: !archived }));
    }
  }

  /** @param {HTMLElement} item */
  async #delete(item) {
    part(this.deleteDialog, "subject").textContent = titleOf(item);
    if (await confirmed(this.deleteDialog)) {
      await this.#ask("conversation.delete", { conversation_id: item.dataset.conversation });
    }
  }

  /** @param {HTMLElement} item */
  async #move(item) {
    const known = await this.#ask("project.list", { limit: MOST_PROJECTS });
    if (!known) {
      return;
    }
    const dialog = this.moveDialog;
    const current = item.dataset.project || NO_PROJECT;
    const choices = [{ id: NO_PROJECT, name: say("no_project") }, ...known.projects];
    part(dialog, "subject").textContent = titleOf(item);
    part(dialog, "choices").replaceChildren(...choices.map(({ id, name }) => choiceOf(id, name, id === current)));
    openDialog(dialog);
    dialog.addEventListener("close", () => {
      const { returnValue: chosen } = dialog;
      if (chosen && chosen !== current) {
        void this.#update(item, { project_id: chosen === NO_PROJECT ? null : chosen });
      }
    }, { once: true });
  }

  /** @param {HTMLElement} item @param {object} fields @returns {Promise<boolean>} whether it is done */
  async #update(item, fields) {
    return Boolean(await this.#ask("conversation.update", { conversation_id: item.dataset.conversation, ...fields }));
  }

  /** The result, or null once the reader was told why there is none. @param {string} method @param {object} params */
  async #ask(method, params) {
    try {
      return await this.connection.request(method, params);
    } catch (error) {
      if (error instanceof ConnectionLost) {
        showToast(say("not_done"));
      } else if (error instanceof RequestRefused) {
        showToast(say(error.code) || say("not_changed", { reason: error.message }));
      } else {
        throw error;
      }
      return null;
    }
  }
}

/** @param {HTMLElement} item @returns {string} */
function titleOf(item) {
  return item.querySelector(".conversation-title")?.textContent ?? "";
}

/** @param {string} id @param {string} name @param {boolean} isCurrent @returns {HTMLElement} */
function choiceOf(id, name, isCurrent) {
  const choice = copyOf("blank-choice", "li");
  const button = /** @type {HTMLButtonElement} */ (choice.querySelector("button"));
  button.value = id;
  button.autofocus = isCurrent;
  button.setAttribute("aria-current", String(isCurrent));
  part(choice, "name").textContent = name;
  return choice;
}
