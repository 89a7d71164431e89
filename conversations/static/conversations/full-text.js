// Shows all of a long text of which the page contains only the beginning.

/** @import { Connection } from "./connection.js" */

const MIN_BLOCK_LENGTH = 4_000;
const MAX_BLOCK_LENGTH = 20_000;
const BLOCKS_PER_FRAME = 20;

/**
 * Fetches all of a step's text, in as many requests as it takes. Rejects with ConnectionLostError or RequestError.
 * @param {Connection} connection
 * @param {string} messageId
 * @param {string} stepId
 * @returns {Promise<string>}
 */
export async function fetchFullText(connection, messageId, stepId) {
  const pieces = [];
  /** @type {number | null} */
  let offset = 0;
  while (offset !== null) {
    const response = await connection.request("step.get", { message_id: messageId, id: stepId, offset });
    pieces.push(response.text);
    offset = response.next_offset;
  }
  return pieces.join("");
}

/**
 * Replaces an element's content by a long text, some of it per frame. The text is divided into blocks of lines, of which the
 * browser lays out only those in view.
 * @param {HTMLElement} element
 * @param {string} text
 */
export async function showFullText(element, text) {
  const blocks = [...splitIntoBlocks(text)];
  element.replaceChildren();
  while (blocks.length) {
    const elements = blocks.splice(0, BLOCKS_PER_FRAME).map((block) => {
      const blockElement = document.createElement("div");
      blockElement.className = "block";
      blockElement.textContent = block;
      return blockElement;
    });
    element.append(...elements);
    await new Promise(requestAnimationFrame);
  }
}

/** Ends blocks at line ends, except within very long lines. @param {string} text @returns {Generator<string>} */
function* splitIntoBlocks(text) {
  let start = 0;
  while (start < text.length) {
    const lineEnd = text.indexOf("\n", start + MIN_BLOCK_LENGTH);
    const end = Math.min(lineEnd < 0 ? text.length : lineEnd + 1, start + MAX_BLOCK_LENGTH);
    yield text.slice(start, end);
    start = end;
  }
}
