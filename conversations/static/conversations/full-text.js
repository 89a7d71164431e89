// Texts that a page shows only the beginning of: fetched whole, and drawn so that the page stays light.

/** @import { Connection } from "./connection.js" */

const BLOCK_LENGTH = 4_000;
const LONGEST_LINE = 20_000;
const BLOCKS_AT_ONCE = 20;

/**
 * A step's text from its beginning to its end, in as many pieces as it takes. Rejects as Connection.request does.
 * @param {Connection} connection
 * @param {string} messageId
 * @param {string} stepId
 * @returns {Promise<string>}
 */
export async function fetchWhole(connection, messageId, stepId) {
  const pieces = [];
  /** @type {number | null} */
  let offset = 0;
  while (offset !== null) {
    const part = await connection.request("step.get", { message_id: messageId, id: stepId, offset });
    pieces.push(part.text);
    offset = part.next_offset;
  }
  return pieces.join("");
}

/**
 * Puts a long text into an element, some of it at a time, in blocks of whole lines of which the browser lays out those in view.
 * @param {HTMLElement} place
 * @param {string} text
 */
export async function drawWhole(place, text) {
  const blocks = [...blocksOf(text)];
  place.replaceChildren();
  while (blocks.length) {
    place.append(...blocks.splice(0, BLOCKS_AT_ONCE).map(block));
    await new Promise(requestAnimationFrame);
  }
}

/** @param {string} text @returns {Generator<string>} */
function* blocksOf(text) {
  let start = 0;
  while (start < text.length) {
    const line = text.indexOf("\n", start + BLOCK_LENGTH);
    const end = Math.min(line < 0 ? text.length : line + 1, start + LONGEST_LINE);
    yield text.slice(start, end);
    start = end;
  }
}

/** @param {string} text */
function block(text) {
  const made = document.createElement("div");
  made.className = "block";
  made.textContent = text;
  return made;
}
