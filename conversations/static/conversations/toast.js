// A toast: a short message about what was just done, with an optional button that undoes it.

import { getElement, getPart } from "./dom.js";

const SHOWN_MS = 6_000;

const toast = getElement("toast", HTMLElement);
let timer = 0;
/** @type {(() => void) | null} */
let undo = null;

/**
 * Shows the toast for a few seconds, above everything else.
 * @param {string} text
 * @param {() => void} [onUndo] without it there is no button
 */
export function showToast(text, onUndo) {
  hide();
  undo = onUndo ?? null;
  getPart(toast, "button").hidden = !onUndo;
  toast.showPopover();
  getPart(toast, "text").textContent = text;
  scheduleHide();
}

function hide() {
  clearTimeout(timer);
  undo = null;
  if (toast.matches(":popover-open")) {
    toast.hidePopover();
  }
}

/** Hides the toast after a while, but not while the pointer or the focus is on it. */
function scheduleHide() {
  clearTimeout(timer);
  timer = setTimeout(() => (toast.matches(":hover, :focus-within") ? scheduleHide() : hide()), SHOWN_MS);
}

getPart(toast, "button").addEventListener("click", () => {
  const run = undo;
  hide();
  run?.();
});
