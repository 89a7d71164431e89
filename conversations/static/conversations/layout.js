// What is around every page of somebody who is signed in: the column, lists of conversations, menus, dialogs and keys.

import { ConnectionLost, RequestRefused } from "./connection.js";
import { ConversationList } from "./conversation-list.js";
import { ConversationMenu } from "./conversation-menu.js";
import { makeDialogs, openDialog } from "./dialog.js";
import { bindKeys } from "./keys.js";
import { makeMenus } from "./menu.js";
import { addresses, element } from "./page.js";
import { Search } from "./search.js";
import { Sidebar } from "./sidebar.js";
import { tellTimeZone } from "./time-zone.js";

/** @import { Connection } from "./connection.js" */
/** @import { ConversationObject } from "./wire.js" */

const IS_MAC = /Mac|iP(hone|ad|od)/.test(navigator.platform);

export class Frame {
  #isSigningOut = false;

  /** @param {Connection} connection */
  constructor(connection) {
    const lists = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-list]"));
    this.connection = connection;
    this.lists = [...lists].map((list) => new ConversationList(list));
    this.sidebar = new Sidebar();
    this.search = new Search(connection);
    this.menu = new ConversationMenu(connection);
    makeMenus();
    makeDialogs();
    nameKeys();
    tellTimeZone();
    bindKeys([
      { key: "mod+k", run: () => this.search.open() },
      { key: "mod+shift+o", run: () => location.assign(addresses.home) },
      { key: "mod+b", run: () => this.sidebar.toggle() },
      { key: "?", run: () => openDialog(element("keys", HTMLDialogElement)) },
      { key: "/", run: () => document.getElementById("composer-text")?.focus() },
    ]);
    element("sign-out", HTMLFormElement).addEventListener("submit", () => (this.#isSigningOut = true));
  }

  /** There is a connection (again): what was missed is asked for. */
  async opened() {
    try {
      await Promise.all(this.lists.map((list) => list.refresh(this.connection)));
    } catch (error) {
      if (!(error instanceof ConnectionLost || error instanceof RequestRefused)) {
        throw error;
      }
    }
  }

  /** The server does not know any more who this is. */
  signedOut() {
    if (!this.#isSigningOut) {
      location.assign(addresses.signIn());
    }
  }

  /** @param {ConversationObject} conversation */
  change(conversation) {
    this.lists.forEach((list) => list.change(conversation));
  }

  /** @param {string} id */
  delete(id) {
    this.lists.forEach((list) => list.delete(id));
  }

  /** @param {string} id the conversation that the page shows now */
  setCurrent(id) {
    this.lists.forEach((list) => list.setCurrent(id));
  }
}

/** As they are called on the reader's keyboard. */
function nameKeys() {
  if (IS_MAC) {
    document.querySelectorAll("kbd.mod").forEach((key) => (key.textContent = "⌘"));
  }
}
