// The versions of a message, which are siblings: an edited question or a regenerated answer.

import { getPart } from "./dom.js";
import { translate } from "./strings.js";

/** @param {HTMLElement} message @returns {string[]} the ids of all its versions in order, its own included */
export function versionIds(message) {
  return message.dataset.siblings?.split(" ") ?? [];
}

/** Shows which of its versions a message is. @param {HTMLElement} message @param {string[]} ids of all its versions */
export function showVersions(message, ids) {
  const position = ids.indexOf(message.dataset.message ?? "") + 1;
  const versions = getPart(message, "versions");
  message.dataset.siblings = ids.join(" ");
  versions.hidden = ids.length < 2;
  getPart(versions, "version").textContent = translate("version", { n: position, count: ids.length });
  const [previous, next] = versions.querySelectorAll("button");
  previous.disabled = position <= 1;
  next.disabled = position >= ids.length;
}

/** @param {HTMLElement} message @param {number} offset 1 for the next version, -1 for the previous one @returns {string | null} its id */
export function adjacentVersionId(message, offset) {
  const ids = versionIds(message);
  return ids[ids.indexOf(message.dataset.message ?? "") + offset] ?? null;
}
