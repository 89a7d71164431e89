// What surrounds every page of a signed-in user: the sidebar, lists of conversations, menus, dialogs and keyboard shortcuts.

import { ConnectionLostError, RequestError } from "./connection.js";
import { ConversationList } from "./conversation-list.js";
import { ConversationMenu } from "./conversation-menu.js";
import { initDialogs, openDialog } from "./dialog.js";
import { getElement, urls } from "./dom.js";
import { bindShortcuts } from "./keyboard.js";
import { initMenus } from "./menu.js";
import { Search } from "./search.js";
import { Sidebar } from "./sidebar.js";
import { reportTimeZone } from "./time-zone.js";

/** @import { Connection } from "./connection.js" */
/** @import { ConversationObject } from "./protocol.js" */

const IS_MAC = /Mac|iP(hone|ad|od)/.test(navigator.platform);

export class Layout {
  #isSigningOut = false;

  /** @param {Connection} connection */
  constructor(connection) {
    const lists = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-list]"));
    this.connection = connection;
    this.lists = [...lists].map((list) => new ConversationList(list));
    this.sidebar = new Sidebar();
    this.search = new Search(connection);
    this.menu = new ConversationMenu(connection);
    initMenus();
    initDialogs();
    if (IS_MAC) {
      document.querySelectorAll("kbd.mod").forEach((key) => (key.textContent = "⌘"));
    }
    reportTimeZone();
    bindShortcuts([
      { key: "mod+k", run: () => this.search.open() },
      { key: "mod+shift+o", run: () => location.assign(urls.home) },
      { key: "mod+b", run: () => this.sidebar.toggle() },
      { key: "?", run: () => openDialog(getElement("keys", HTMLDialogElement)) },
      { key: "/", run: () => document.getElementById("composer-text")?.focus() },
    ]);
    getElement("sign-out", HTMLFormElement).addEventListener("submit", () => (this.#isSigningOut = true));
  }

  /** Brings the lists up to date with what changed while there was no connection. */
  async refreshLists() {
    try {
      await Promise.all(this.lists.map((list) => list.refresh(this.connection)));
    } catch (error) {
      if (!(error instanceof ConnectionLostError || error instanceof RequestError)) {
        throw error;
      }
    }
  }

  /** Goes to the sign-in page, unless the user is signing out on purpose. */
  redirectToSignIn() {
    if (!this.#isSigningOut) {
      location.assign(urls.signIn());
    }
  }

  /** @param {ConversationObject} conversation */
  updateConversation(conversation) {
    this.lists.forEach((list) => list.update(conversation));
  }

  /** @param {string} id */
  removeConversation(id) {
    this.lists.forEach((list) => list.remove(id));
  }

  /** Marks the conversation that the page shows. @param {string} id */
  setCurrentConversation(id) {
    this.lists.forEach((list) => list.setCurrent(id));
  }
}
