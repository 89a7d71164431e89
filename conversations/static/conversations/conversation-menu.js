// The menu of a listed conversation: rename it in place, pin, move, archive or delete it.

import { ConnectionLostError, RequestError } from "./connection.js";
import { linkOf, setTitle } from "./conversation-list.js";
import { confirmInDialog, openDialog } from "./dialog.js";
import { cloneTemplate, getElement, getPart } from "./dom.js";
import { bindMenu, Menu } from "./menu.js";
import { translate } from "./strings.js";
import { showToast } from "./toast.js";

/** @import { Connection } from "./connection.js" */

const MAX_TITLE_LENGTH = 200;
const MAX_PROJECTS = 200;
const NO_PROJECT = "none";

export class ConversationMenu {
  /** @param {Connection} connection */
  constructor(connection) {
    this.connection = connection;
    this.menu = new Menu(getElement("conversation-menu", HTMLElement));
    this.deleteDialog = getElement("delete-conversation", HTMLDialogElement);
    this.moveDialog = getElement("move-conversation", HTMLDialogElement);
    bindMenu(this.menu, document, "[data-conversation-more]");
    this.menu.element.addEventListener("beforetoggle", (event) => event.newState === "open" && this.#prepare());
    this.menu.element.addEventListener("click", (event) => {
      const chosen = event.target instanceof Element ? event.target.closest("[data-action]") : null;
      const item = this.#item;
      if (chosen && item) {
        this.#run(chosen.getAttribute("data-action"), item);
      }
    });
    document.addEventListener("keydown", (event) => {
      const item = event.target instanceof HTMLAnchorElement ? /** @type {HTMLElement | null} */ (event.target.closest(".conversation")) : null;
      if (item && (event.key === "F2" || event.key === "Delete")) {
        event.preventDefault();
        this.#run(event.key === "F2" ? "rename" : "delete", item);
      }
    });
  }

  /** The list item whose menu was opened last. @returns {HTMLElement | null} */
  get #item() {
    return this.menu.opener?.closest(".conversation") ?? null;
  }

  /** Shows the actions that apply to the conversation. */
  #prepare() {
    const item = this.#item;
    const isPinned = item?.hasAttribute("data-pinned") ?? false;
    const isArchived = item?.hasAttribute("data-archived") ?? false;
    const applies = {
      pin: !isPinned && !isArchived,
      unpin: isPinned && !isArchived,
      archive: !isArchived,
      unarchive: isArchived,
    };
    for (const [action, isShown] of Object.entries(applies)) {
      /** @type {HTMLElement} */ (this.menu.element.querySelector(`[data-action="${action}"]`)).hidden = !isShown;
    }
    this.menu.element.setAttribute("aria-label", translate("options_of", { title: item ? titleOf(item) : "" }));
  }

  /** @param {string | null} action @param {HTMLElement} item */
  #run(action, item) {
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

  /** @param {HTMLElement} item */
  #rename(item) {
    const link = linkOf(item);
    const oldTitle = titleOf(item);
    const field = document.createElement("input");
    field.className = "conversation-rename";
    field.value = oldTitle;
    field.maxLength = MAX_TITLE_LENGTH;
    field.dir = "auto";
    field.setAttribute("aria-label", translate("title"));
    item.classList.add("renaming");
    link.after(field);
    field.select();
    let isFinished = false;
    const finish = async (/** @type {boolean} */ isSaved, /** @type {boolean} */ isByKey) => {
      const title = field.value.trim();
      if (isFinished) {
        return;
      }
      isFinished = true;
      if (isSaved && title && title !== oldTitle && !(await this.#update(item, { title }))) {
        isFinished = false; // The field stays, for another attempt.
        return;
      }
      if (isSaved && title) {
        setTitle(item, title);
      }
      field.remove();
      item.classList.remove("renaming");
      if (isByKey) {
        link.focus();
      }
    };
    field.addEventListener("blur", () => void finish(true, false));
    field.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (!event.isComposing && (event.key === "Enter" || event.key === "Escape")) {
        event.preventDefault();
        void finish(event.key === "Enter", true);
      }
    });
  }

  /** @param {HTMLElement} item @param {boolean} archived */
  async #archive(item, archived) {
    if (await this.#update(item, { archived })) {
      showToast(translate(archived ? "archived" : "unarchived"), () => void this.#update(item, { archived: !archived }));
    }
  }

  /** @param {HTMLElement} item */
  async #delete(item) {
    getPart(this.deleteDialog, "subject").textContent = titleOf(item);
    if (await confirmInDialog(this.deleteDialog)) {
      await this.#request("conversation.delete", { conversation_id: item.dataset.conversation });
    }
  }

  /** Lets the user choose a project in a dialog. @param {HTMLElement} item */
  async #move(item) {
    const response = await this.#request("project.list", { limit: MAX_PROJECTS });
    if (!response) {
      return;
    }
    const dialog = this.moveDialog;
    const currentId = item.dataset.project || NO_PROJECT;
    const projects = [{ id: NO_PROJECT, name: translate("no_project") }, ...response.projects];
    getPart(dialog, "subject").textContent = titleOf(item);
    getPart(dialog, "choices").replaceChildren(...projects.map(({ id, name }) => createChoice(id, name, id === currentId)));
    openDialog(dialog);
    dialog.addEventListener("close", () => {
      const { returnValue: chosenId } = dialog;
      if (chosenId && chosenId !== currentId) {
        void this.#update(item, { project_id: chosenId === NO_PROJECT ? null : chosenId });
      }
    }, { once: true });
  }

  /** @param {HTMLElement} item @param {object} fields @returns {Promise<boolean>} whether the server stored them */
  async #update(item, fields) {
    return Boolean(await this.#request("conversation.update", { conversation_id: item.dataset.conversation, ...fields }));
  }

  /** Sends a request. Resolves to its result, or to null after showing an error message. @param {string} method @param {object} params */
  async #request(method, params) {
    try {
      return await this.connection.request(method, params);
    } catch (error) {
      if (error instanceof ConnectionLostError) {
        showToast(translate("not_done"));
      } else if (error instanceof RequestError) {
        showToast(translate(error.code) || translate("not_changed", { reason: error.message }));
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
function createChoice(id, name, isCurrent) {
  const choice = cloneTemplate("blank-choice", "li");
  const button = /** @type {HTMLButtonElement} */ (choice.querySelector("button"));
  button.value = id;
  button.autofocus = isCurrent;
  button.setAttribute("aria-current", String(isCurrent));
  getPart(choice, "name").textContent = name;
  return choice;
}
