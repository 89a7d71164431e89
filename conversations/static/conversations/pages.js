// Makes a page beside the chat live: projects, the archive, and whatever else stands in the frame.

import { Connection } from "./connection.js";
import { Frame } from "./layout.js";
import { addresses } from "./page.js";

const connection = new Connection(addresses.socket, {
  opened: () => void frame.opened(),
  unreachable() {},
  signedOut: () => frame.signedOut(),
});
const frame = new Frame(connection);

connection.on("conversation_changed", ({ conversation }) => frame.change(conversation));
connection.on("conversation_deleted", ({ conversation_id: id }) => frame.delete(id));
connection.open();
