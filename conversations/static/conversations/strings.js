// Texts in the user's language, which the page contains in #words. web/formatting.py formats the same texts for templates.

import { getElement } from "./dom.js";

const strings = getElement("words", HTMLElement).dataset;
const { lang } = document.documentElement;
const pluralRules = new Intl.PluralRules(lang);
const numberFormat = new Intl.NumberFormat(lang);

const MAX_SUMMARY_LENGTH = 200;
const MAX_ESCAPE_LENGTH = "\\u1234".length;

/**
 * Returns the text for a key, or "" for an unknown one.
 * @param {string} key
 * @param {Record<string, string | number>} [values] what replaces the names in braces
 * @returns {string}
 */
export function translate(key, values = {}) {
  return (strings[key] ?? "").replace(/\{(\w+)\}/g, (_match, name) => String(values[name] ?? ""));
}

/**
 * Returns the plural form for a number. The server provides one for a sample number of each plural category.
 * @param {string} key
 * @param {number} n
 * @returns {string}
 */
export function translatePlural(key, n) {
  /** @type {Record<string, string>} */
  const forms = JSON.parse(strings[key] ?? "{}");
  const sample = Object.keys(forms).find((number) => pluralRules.select(Number(number)) === pluralRules.select(n));
  return (forms[sample ?? 0] ?? "").replace("{n}", formatNumber(n));
}

/** @param {number} value @returns {string} */
export function formatNumber(value) {
  return numberFormat.format(value);
}

/**
 * Formats a duration as milliseconds, seconds with one decimal, or whole seconds, by its size.
 * @param {number} seconds
 * @returns {string}
 */
export function formatDuration(seconds) {
  if (seconds < 1) {
    return translate("milliseconds", { n: Math.max(1, Math.round(seconds * 1000)) });
  }
  return seconds < 10 ? translate("seconds", { n: formatNumber(Math.round(seconds * 10) / 10) }) : formatWholeSeconds(seconds);
}

/**
 * Formats a duration as minutes and whole seconds, at least one second.
 * @param {number} seconds
 * @returns {string}
 */
export function formatWholeSeconds(seconds) {
  const total = Math.max(1, Math.round(seconds));
  return total < 60 ? translate("seconds", { n: total }) : translate("minutes", { minutes: Math.floor(total / 60), seconds: total % 60 });
}

/**
 * Returns the heading of a finished thinking step.
 * @param {number | null} seconds null if its duration is unknown
 * @returns {string}
 */
export function thinkingLabel(seconds) {
  return seconds === null ? translate("thought") : translate("thought_for", { duration: formatWholeSeconds(seconds) });
}

/**
 * Returns a tool call's arguments in one line: the value of a single argument, or several as `name: value`.
 * @param {string} text the arguments, usually JSON
 * @returns {string}
 */
export function summarizeArguments(text) {
  const values = parseJson(text);
  let line = text;
  if (values !== null && typeof values === "object" && !Array.isArray(values)) {
    const entries = Object.entries(values).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]);
    line = entries.length === 1 ? entries[0][1] : entries.map(([name, value]) => `${name}: ${value}`).join(", ");
  }
  return line.slice(0, 4 * MAX_SUMMARY_LENGTH).trim().replace(/\s+/g, " ").slice(0, MAX_SUMMARY_LENGTH);
}

/** Returns JSON indented, and any other text unchanged. @param {string} text @returns {string} */
export function prettyJson(text) {
  const value = parseJson(text);
  return value === undefined || value === null ? text : JSON.stringify(value, null, 2);
}

/**
 * Returns what a tool returned, or its error message.
 * @param {string} content the JSON that the model was given
 * @returns {string}
 */
export function toolResultText(content) {
  const value = parseJson(content);
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    return content;
  }
  const fields = /** @type {Record<string, unknown>} */ (value);
  const result = "result" in fields ? fields.result : "error" in fields ? fields.error : fields;
  return typeof result === "string" ? result : JSON.stringify(result, null, 2);
}

/**
 * Closes a JSON object that was cut off within its last string, as most long results are.
 * @param {string} text
 * @returns {string} unchanged if that does not make it JSON
 */
export function closeTruncatedJson(text) {
  // The cut may be within an escape sequence, which has to go.
  for (let dropped = 0; dropped < MAX_ESCAPE_LENGTH; dropped++) {
    const closed = `${text.slice(0, text.length - dropped)}"}`;
    if (parseJson(closed) !== undefined) {
      return closed;
    }
  }
  return text;
}

/** @param {number} characters @returns {string} the label of the button that shows all of a text of this length */
export function showAllLabel(characters) {
  const size = characters < 999_500 ? `${Math.round(characters / 1000)} KB` : `${Math.round(characters / 100_000) / 10} MB`;
  return translate("show_all", { size });
}

/** @param {string} text @returns {unknown} undefined if it is not JSON */
function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
