// Thumbs up or down for an answer, and a few words about it for who wants to say more.

import { copyOf, part } from "./page.js";
import { say } from "./strings.js";

/**
 * @typedef {object} RatingActions
 * @property {(rating: number, comment?: string) => Promise<void>} rate rejects if the server did not take it
 * @property {(sentence: string) => void} announce
 * @property {(error: unknown) => void} complain
 */

/**
 * A thumb was pressed: again, it is taken back.
 * @param {HTMLElement} answer
 * @param {HTMLButtonElement} thumb
 * @param {RatingActions} actions
 */
export async function rate(answer, thumb, actions) {
  const thumbs = /** @type {NodeListOf<HTMLButtonElement>} */ (answer.querySelectorAll('[data-action="rate"]'));
  const before = [...thumbs].find((one) => one.ariaPressed === "true");
  const after = thumb === before ? undefined : thumb;
  press(thumbs, after);
  answer.querySelector(".comment")?.remove();
  try {
    await actions.rate(Number(after?.dataset.rating ?? 0));
    if (after) {
      askWhy(answer, after, actions);
    }
  } catch (error) {
    press(thumbs, before);
    actions.complain(error);
  }
}

/** @param {NodeListOf<HTMLButtonElement>} thumbs @param {HTMLButtonElement | undefined} pressed */
function press(thumbs, pressed) {
  thumbs.forEach((one) => (one.ariaPressed = String(one === pressed)));
}

/** @param {HTMLElement} answer @param {HTMLButtonElement} thumb @param {RatingActions} actions */
function askWhy(answer, thumb, actions) {
  const form = /** @type {HTMLFormElement} */ (copyOf("blank-comment", "form"));
  const field = /** @type {HTMLInputElement} */ (part(form, "field"));
  field.placeholder = say(thumb.dataset.rating === "1" ? "why_good" : "why_bad");
  field.value = answer.dataset.comment ?? "";
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await actions.rate(Number(thumb.dataset.rating), field.value);
      answer.dataset.comment = field.value;
      close(form, thumb);
      actions.announce(say("thanks"));
    } catch (error) {
      actions.complain(error);
    }
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      event.preventDefault();
      close(form, thumb);
    }
  });
  part(form, "cancel").addEventListener("click", () => close(form, thumb));
  answer.append(form);
}

/** @param {HTMLFormElement} form @param {HTMLButtonElement} thumb where the focus goes, if it was in the form */
function close(form, thumb) {
  const hadFocus = form.contains(document.activeElement);
  form.remove();
  if (hadFocus) {
    thumb.focus({ preventScroll: true });
  }
}
