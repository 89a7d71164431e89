// The retry buttons of failed answers. They count down while the model's server wants no request.

import { formatWholeSeconds, translate } from "./strings.js";

const TICK_MS = 1_000;

/** When each button becomes enabled, on the clock of performance.now(). @type {WeakMap<HTMLButtonElement, number>} */
const enableTimes = new WeakMap();

/** @param {HTMLButtonElement} button @param {number} seconds */
export function startCountdown(button, seconds) {
  button.dataset.wait = String(seconds);
  update(button);
}

/** Updates all buttons with `data-wait` in an element every second. @param {HTMLElement} root */
export function runCountdowns(root) {
  setInterval(() => {
    const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (root.querySelectorAll("button[data-wait]"));
    buttons.forEach(update);
  }, TICK_MS);
}

/** @param {HTMLButtonElement} button */
function update(button) {
  const now = performance.now();
  const enableTime = enableTimes.get(button) ?? now + Number(button.dataset.wait) * 1_000;
  enableTimes.set(button, enableTime);
  button.disabled = enableTime > now;
  if (button.disabled) {
    button.textContent = translate("retry_in", { duration: formatWholeSeconds(Math.ceil((enableTime - now) / 1_000)) });
  } else {
    button.textContent = translate("retry");
    delete button.dataset.wait;
  }
}
