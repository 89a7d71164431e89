// Dates and times in the user's language and time zone.

import { translate } from "./strings.js";

const DAY_MS = 86_400_000;

const { lang } = document.documentElement;
/** The time zone that the user has chosen; undefined stands for the browser's. */
const timeZone = document.querySelector("meta[name='time-zone']")?.getAttribute("content") ?? undefined;
const monthFormat = new Intl.DateTimeFormat(lang, { year: "numeric", month: "long", timeZone });
const timeFormat = new Intl.DateTimeFormat(lang, { hour: "numeric", minute: "2-digit", timeZone });
const dayFormat = new Intl.DateTimeFormat(lang, { day: "numeric", month: "short", timeZone });
const dateFormat = new Intl.DateTimeFormat(lang, { day: "numeric", month: "short", year: "numeric", timeZone });
const isoDateFormat = new Intl.DateTimeFormat("en-CA", { timeZone });

/**
 * Returns the heading under which lists show a conversation, as conversation_lists.py does.
 * @param {number} timestamp in milliseconds
 * @returns {string}
 */
export function periodLabel(timestamp) {
  const days = daysAgo(timestamp);
  if (days <= 0) {
    return translate("today");
  }
  if (days <= 7) {
    return translate(days === 1 ? "yesterday" : "week");
  }
  return monthFormat.format(timestamp);
}

/**
 * Returns the time of day for today, and otherwise the date, with the year unless it is the current year.
 * @param {number} timestamp in milliseconds
 * @returns {string}
 */
export function shortDate(timestamp) {
  if (daysAgo(timestamp) <= 0) {
    return timeFormat.format(timestamp);
  }
  const isThisYear = isoDateFormat.format(timestamp).slice(0, 4) === isoDateFormat.format(Date.now()).slice(0, 4);
  return (isThisYear ? dayFormat : dateFormat).format(timestamp);
}

/** @param {number} timestamp @returns {number} calendar days between then and now */
function daysAgo(timestamp) {
  return (Date.parse(isoDateFormat.format(Date.now())) - Date.parse(isoDateFormat.format(timestamp))) / DAY_MS;
}
