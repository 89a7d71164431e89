// The page's words, in the reader's language. The server's templates say the same (views/sayings.py).

import { element } from "./page.js";

const words = element("words", HTMLElement).dataset;

/**
 * @param {string} name
 * @param {Record<string, string | number>} [values] what stands for the names in braces
 * @returns {string}
 */
export function say(name, values = {}) {
  return (words[name] ?? "").replace(/\{(\w+)\}/g, (_match, key) => String(values[key] ?? ""));
}

const language = document.documentElement.lang;
const plurals = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(language);

/** @param {number} value @returns {string} as the reader's language writes it */
export function number(value) {
  return numbers.format(value);
}

/**
 * @param {string} name
 * @param {number} n
 * @returns {string} the form for so many: the server has given one for a sample of each kind of number
 */
export function sayCount(name, n) {
  /** @type {Record<string, string>} */
  const forms = JSON.parse(words[name] ?? "{}");
  const sample = Object.keys(forms).find((one) => plurals.select(Number(one)) === plurals.select(n));
  return (forms[sample ?? 0] ?? "").replace("{n}", number(n));
}

/**
 * @param {number} seconds
 * @returns {string} in the unit that a person would use
 */
export function duration(seconds) {
  if (seconds < 1) {
    return say("milliseconds", { n: Math.max(1, Math.round(seconds * 1000)) });
  }
  return seconds < 10 ? say("seconds", { n: number(Math.round(seconds * 10) / 10) }) : wholeSeconds(seconds);
}

/**
 * @param {number} seconds
 * @returns {string} as a person counts: at least one
 */
export function wholeSeconds(seconds) {
  const whole = Math.max(1, Math.round(seconds));
  return whole < 60 ? say("seconds", { n: whole }) : say("minutes", { minutes: Math.floor(whole / 60), seconds: whole % 60 });
}

/**
 * @param {number | null | undefined} seconds
 * @returns {string} the heading of a finished thinking step
 */
export function thought(seconds) {
  return typeof seconds === "number" ? say("thought_for", { duration: wholeSeconds(seconds) }) : say("thought");
}

const SUMMARY_LENGTH = 200;

/**
 * @param {string} text a call's arguments
 * @returns {string} them in one line: a single one by its value, several as `name: value`
 */
export function argumentSummary(text) {
  const values = parsed(text);
  let line = text;
  if (values !== null && typeof values === "object" && !Array.isArray(values)) {
    const entries = Object.entries(values);
    line = entries.length === 1 ? inline(entries[0][1]) : entries.map(([name, value]) => `${name}: ${inline(value)}`).join(", ");
  }
  return line.slice(0, 4 * SUMMARY_LENGTH).trim().replace(/\s+/g, " ").slice(0, SUMMARY_LENGTH);
}

/** @param {string} text @returns {string} JSON over several lines; what is not JSON, as it is */
export function prettyJson(text) {
  const value = parsed(text);
  return value === undefined || value === null ? text : JSON.stringify(value, null, 2);
}

/** @param {string} content what the model was told of a tool's result @returns {string} the result, or the sentence about its failure */
export function toolOutcome(content) {
  const value = parsed(content);
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    return content;
  }
  const told = /** @type {Record<string, unknown>} */ (value);
  const outcome = "result" in told ? told.result : "error" in told ? told.error : told;
  return typeof outcome === "string" ? outcome : JSON.stringify(outcome, null, 2);
}

const LONGEST_ESCAPE = "\\u1234".length;

/** @param {string} beginning of JSON that was cut within its last string, as most results are @returns {string} it with that string ended; else as it is */
export function closed(beginning) {
  for (let dropped = 0; dropped < LONGEST_ESCAPE; dropped++) {
    const whole = `${beginning.slice(0, beginning.length - dropped)}"}`;
    if (parsed(whole) !== undefined) {
      return whole;
    }
  }
  return beginning;
}

/** @param {number} characters @returns {string} what the button says that leads to so many */
export function showAll(characters) {
  const size = characters < 999_500 ? `${Math.round(characters / 1000)} KB` : `${Math.round(characters / 100_000) / 10} MB`;
  return say("show_all", { size });
}

/** @param {string} text @returns {unknown} undefined for what is not JSON */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @param {unknown} value @returns {string} */
function inline(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}
