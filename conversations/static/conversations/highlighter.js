// Highlights code with highlight.js. Works on strings only, so that it can run in a worker.

import hljs from "../npm/highlight.mjs";
import { loadLanguage } from "./highlight-languages.js";

const HTML_TOKEN = /<span class="([^"]*)">|(<\/span>)|([^<]+)/g;
/** @type {Record<string, string>} */
const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#x27;": "'" };

/**
 * Highlights code and divides the result into chunks of lines.
 * @param {string} text
 * @param {string} language a name or an alias of it
 * @param {number} chunkLines the number of lines per chunk
 * @returns {Promise<string[][]>} by chunk, alternating class names ("" for none) and texts; empty for an unknown language
 */
export async function highlightChunks(text, language, chunkLines) {
  const name = await loadLanguage(hljs, language);
  if (!name) {
    return [];
  }
  /** @type {string[][]} */
  const chunks = [[]];
  let lines = 0;
  for (const [className, span] of parseSpans(hljs.highlight(text, { language: name, ignoreIllegals: true }).value)) {
    for (const part of span.split(/(?<=\n)/)) {
      if (lines === chunkLines) {
        chunks.push([]);
        lines = 0;
      }
      addSpan(chunks[chunks.length - 1], className, part);
      lines += part.endsWith("\n") ? 1 : 0;
    }
  }
  return chunks;
}

/**
 * Parses the HTML of highlight.js. Of nested elements the innermost class counts.
 * @param {string} html
 * @returns {Generator<[className: string, text: string], void, undefined>}
 */
function* parseSpans(html) {
  const classNames = [""];
  for (const [, className, end, text] of html.matchAll(HTML_TOKEN)) {
    if (end) {
      classNames.pop();
    } else if (className !== undefined) {
      classNames.push(className.startsWith("hljs-") ? className : classNames[classNames.length - 1]);
    } else {
      yield [classNames[classNames.length - 1], text.replace(/&(?:amp|lt|gt|quot|#x27);/g, (entity) => ENTITIES[entity])];
    }
  }
}

/** Adds a span to a chunk, or extends the last one of the same class. @param {string[]} chunk @param {string} className @param {string} text */
function addSpan(chunk, className, text) {
  if (chunk.length && chunk[chunk.length - 2] === className) {
    chunk[chunk.length - 1] += text;
  } else {
    chunk.push(className, text);
  }
}
