// The buttons by which a failed answer is asked for again. Where the model's server wants to be left alone for a while, they count down.

import { say, wholeSeconds } from "./strings.js";

const TICK = 1_000;

/** When each may be pressed, in the page's time. @type {WeakMap<HTMLButtonElement, number>} */
const ready = new WeakMap();

/** @param {HTMLButtonElement} button @param {number} seconds */
export function retryAfter(button, seconds) {
  button.dataset.wait = String(seconds);
  show(button);
}

/** @param {HTMLElement} root in which there are such buttons, and will be */
export function watchRetries(root) {
  setInterval(() => {
    const waiting = /** @type {NodeListOf<HTMLButtonElement>} */ (root.querySelectorAll("button[data-wait]"));
    waiting.forEach(show);
  }, TICK);
}

/** @param {HTMLButtonElement} button */
function show(button) {
  const now = performance.now();
  const at = ready.get(button) ?? now + Number(button.dataset.wait) * 1_000;
  ready.set(button, at);
  button.disabled = at > now;
  button.textContent = button.disabled ? say("retry_in", { duration: wholeSeconds(Math.ceil((at - now) / 1_000)) }) : say("retry");
  if (!button.disabled) {
    delete button.dataset.wait;
  }
}
