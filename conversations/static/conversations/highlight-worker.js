// Syntax highlighting in a web worker. The page imports this module for highlight(), and the worker runs the same module, because
// import.meta.url is its address with the hash that static files have in their names.

/** @typedef {string[]} Spans alternating class names ("" for none) and texts */

const MAX_LENGTH = 200_000;

/** @type {Worker | null} */
let worker = null;
let hasFailed = false;
let lastId = 0;
/** @type {Map<number, (chunks: Spans[]) => void>} */
const pending = new Map();

/**
 * Highlights code.
 * @param {string} text
 * @param {string} language a name or an alias of it
 * @param {number} chunkLines the number of lines per chunk
 * @returns {Promise<Spans[]>} by chunk; empty if the language is unknown, the text too long or the worker broken
 */
export function highlight(text, language, chunkLines) {
  if (hasFailed || text.length > MAX_LENGTH) {
    return Promise.resolve([]);
  }
  worker ??= startWorker();
  lastId += 1;
  worker.postMessage({ id: lastId, text, language, chunkLines });
  return new Promise((resolve) => pending.set(lastId, resolve));
}

function startWorker() {
  const newWorker = new Worker(import.meta.url, { type: "module" });
  newWorker.addEventListener("message", ({ data: { id, chunks } }) => {
    pending.get(id)?.(chunks);
    pending.delete(id);
  });
  newWorker.addEventListener("error", () => {
    hasFailed = true;
    pending.forEach((resolve) => resolve([]));
    pending.clear();
  });
  return newWorker;
}

// In the worker, which has no document
if (typeof document === "undefined") {
  const highlighter = import("./highlighter.js");
  addEventListener("message", async ({ data: { id, text, language, chunkLines } }) => {
    const { highlightChunks } = await highlighter;
    postMessage({ id, chunks: await highlightChunks(text, language, chunkLines) });
  });
}
