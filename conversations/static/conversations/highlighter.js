// Colours code with highlight.js. It works on text alone, so it can do so outside of the page.

import highlighter from "../npm/highlight.mjs";
import { learn } from "./languages.js";

const PART = /<span class="([^"]*)">|(<\/span>)|([^<]+)/g;
/** @type {Record<string, string>} */
const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#x27;": "'" };

/**
 * @param {string} text
 * @param {string} called the language, as a person or a model calls it
 * @param {number} lines of each chunk
 * @returns {Promise<string[][]>} for each chunk a class (or nothing) and a text, and so on; no chunks for an unknown language
 */
export async function colour(text, called, lines) {
  const language = await learn(highlighter, called);
  if (!language) {
    return [];
  }
  return cut(runsOf(highlighter.highlight(text, { language, ignoreIllegals: true }).value), lines);
}

/**
 * Of elements within elements the innermost counts.
 * @param {string} html
 * @returns {Generator<[string, string], void, undefined>}
 */
function* runsOf(html) {
  const open = [""];
  for (const [, kind, end, text] of html.matchAll(PART)) {
    if (end) {
      open.pop();
    } else if (kind !== undefined) {
      open.push(kind.startsWith("hljs-") ? kind : open[open.length - 1]);
    } else {
      yield [open[open.length - 1], text.replace(/&(?:amp|lt|gt|quot|#x27);/g, (entity) => ENTITIES[entity])];
    }
  }
}

/** @param {Iterable<[string, string]>} runs @param {number} lines */
function cut(runs, lines) {
  /** @type {string[][]} */
  const chunks = [[]];
  let count = 0;
  for (const [kind, text] of runs) {
    for (const part of text.split(/(?<=\n)/)) {
      if (count === lines) {
        chunks.push([]);
        count = 0;
      }
      add(chunks[chunks.length - 1], kind, part);
      count += part.endsWith("\n") ? 1 : 0;
    }
  }
  return chunks;
}

/** @param {string[]} chunk @param {string} kind @param {string} text */
function add(chunk, kind, text) {
  if (chunk.length && chunk[chunk.length - 2] === kind) {
    chunk[chunk.length - 1] += text;
  } else {
    chunk.push(kind, text);
  }
}
