// Asks the highlighter, which works in a thread of its own, for the colours of code. In that thread, this is where it begins.

/** @typedef {string[]} Runs a class (or nothing) and a text, and so on */

const TOO_LONG = 200_000;

/** @type {Worker | null} */
let worker = null;
let isBroken = false;
let count = 0;
/** @type {Map<number, (chunks: Runs[]) => void>} */
const asked = new Map();

/**
 * @param {string} text
 * @param {string} language as a person or a model calls it
 * @param {number} lines of each chunk
 * @returns {Promise<Runs[]>} one for each chunk; none if the language is not known
 */
export function highlight(text, language, lines) {
  if (isBroken || text.length > TOO_LONG) {
    return Promise.resolve([]);
  }
  worker ??= start();
  count += 1;
  worker.postMessage({ id: count, text, language, lines });
  return new Promise((resolve) => asked.set(count, resolve));
}

function start() {
  const made = new Worker(import.meta.url, { type: "module" });
  made.addEventListener("message", ({ data: { id, chunks } }) => {
    asked.get(id)?.(chunks);
    asked.delete(id);
  });
  made.addEventListener("error", () => {
    isBroken = true;
    asked.forEach((resolve) => resolve([]));
    asked.clear();
  });
  return made;
}

if (typeof document === "undefined") {
  const highlighter = import("./highlighter.js");
  addEventListener("message", async ({ data: { id, text, language, lines } }) => {
    const { colour } = await highlighter;
    postMessage({ id, chunks: await colour(text, language, lines) });
  });
}
