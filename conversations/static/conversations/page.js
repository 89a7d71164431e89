// Entry point of the pages beside the chat, which extend page.html: projects, the archive.

import { Connection } from "./connection.js";
import { urls } from "./dom.js";
import { Layout } from "./layout.js";

const connection = new Connection(urls.webSocket, {
  onOpen: () => void layout.refreshLists(),
  onUnreachable() {},
  onSignedOut: () => layout.redirectToSignIn(),
});
const layout = new Layout(connection);

connection.on("conversation_changed", ({ conversation }) => layout.updateConversation(conversation));
connection.on("conversation_deleted", ({ conversation_id: id }) => layout.removeConversation(id));
connection.open();
