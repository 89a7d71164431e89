// Versions of a message: of a question that was edited, of an answer that was made again.

import { part } from "./page.js";
import { say } from "./strings.js";

/** @param {HTMLElement} message @returns {string[]} the ids of its versions in order, its own included */
export function versionsOf(message) {
  return message.dataset.siblings?.split(" ") ?? [];
}

/** @param {HTMLElement} message @param {string[]} siblings the ids of its versions */
export function showVersions(message, siblings) {
  const place = siblings.indexOf(message.dataset.message ?? "") + 1;
  const versions = part(message, "versions");
  message.dataset.siblings = siblings.join(" ");
  versions.hidden = siblings.length < 2;
  part(versions, "version").textContent = say("version", { n: place, count: siblings.length });
  const [previous, next] = versions.querySelectorAll("button");
  previous.disabled = place <= 1;
  next.disabled = place >= siblings.length;
}

/** @param {HTMLElement} message @param {number} by 1 for the next version, -1 for the one before @returns {string | null} its id */
export function versionBeside(message, by) {
  const siblings = versionsOf(message);
  return siblings[siblings.indexOf(message.dataset.message ?? "") + by] ?? null;
}
