// Times as the reader would say them. The server says the same in conversation_lists.py.

import { timeZone } from "./page.js";
import { say } from "./strings.js";

const DAY = 86_400_000;
const { lang } = document.documentElement;
const months = new Intl.DateTimeFormat(lang, { year: "numeric", month: "long", timeZone });
const hours = new Intl.DateTimeFormat(lang, { hour: "numeric", minute: "2-digit", timeZone });
const days = new Intl.DateTimeFormat(lang, { day: "numeric", month: "short", timeZone });
const dates = new Intl.DateTimeFormat(lang, { day: "numeric", month: "short", year: "numeric", timeZone });
const isoDates = new Intl.DateTimeFormat("en-CA", { timeZone });

/** @param {number} time @returns {string} the heading under which it is listed */
export function periodOf(time) {
  const ago = daysAgo(time);
  if (ago <= 0) {
    return say("today");
  }
  if (ago <= 7) {
    return say(ago === 1 ? "yesterday" : "week");
  }
  return months.format(time);
}

/** @param {number} time @returns {string} as short as can be understood */
export function shortMoment(time) {
  if (daysAgo(time) <= 0) {
    return hours.format(time);
  }
  const isThisYear = isoDates.format(time).slice(0, 4) === isoDates.format(Date.now()).slice(0, 4);
  return (isThisYear ? days : dates).format(time);
}

/** @param {number} time */
function daysAgo(time) {
  return (day(Date.now()) - day(time)) / DAY;
}

/** @param {number} time @returns {number} its day in the reader's zone, which grows by DAY from one to the next */
function day(time) {
  return Date.parse(isoDates.format(time));
}
