// A passing note about what was just done, with a button that undoes it.

import { element, part } from "./page.js";

const STAYS = 6_000;

const toast = element("toast", HTMLElement);
let timer = 0;
/** @type {(() => void) | null} */
let undo = null;

/**
 * Shows the note for a while, above everything else.
 * @param {string} sentence
 * @param {() => void} [undoes] what its button does; without it there is none
 */
export function showToast(sentence, undoes) {
  hide();
  undo = undoes ?? null;
  part(toast, "button").hidden = !undoes;
  toast.showPopover();
  part(toast, "text").textContent = sentence;
  stay();
}

function hide() {
  clearTimeout(timer);
  undo = null;
  if (toast.matches(":popover-open")) {
    toast.hidePopover();
  }
}

/** Nobody has to hurry while the pointer or the focus is on it. */
function stay() {
  clearTimeout(timer);
  timer = setTimeout(() => (toast.matches(":hover, :focus-within") ? stay() : hide()), STAYS);
}

part(toast, "button").addEventListener("click", () => {
  const undoes = undo;
  hide();
  undoes?.();
});
