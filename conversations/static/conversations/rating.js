// Rates an answer with a thumb up or down and an optional comment.

import { cloneTemplate, getPart } from "./dom.js";
import { translate } from "./strings.js";

/**
 * @typedef {object} RatingActions
 * @property {(rating: number, comment?: string) => Promise<void>} rate rejects if the server did not store it
 * @property {(text: string) => void} announce
 * @property {(error: unknown) => void} showError
 */

/**
 * Rates an answer by the thumb that was clicked, or withdraws the rating if the thumb was pressed already.
 * @param {HTMLElement} answer
 * @param {HTMLButtonElement} thumb
 * @param {RatingActions} actions
 */
export async function rate(answer, thumb, actions) {
  const thumbs = /** @type {NodeListOf<HTMLButtonElement>} */ (answer.querySelectorAll('[data-action="rate"]'));
  const previous = [...thumbs].find((button) => button.ariaPressed === "true");
  const pressed = thumb === previous ? undefined : thumb;
  setPressed(thumbs, pressed);
  answer.querySelector(".comment")?.remove();
  try {
    await actions.rate(Number(pressed?.dataset.rating ?? 0));
    if (pressed) {
      showCommentForm(answer, pressed, actions);
    }
  } catch (error) {
    setPressed(thumbs, previous);
    actions.showError(error);
  }
}

/** @param {NodeListOf<HTMLButtonElement>} thumbs @param {HTMLButtonElement | undefined} pressed */
function setPressed(thumbs, pressed) {
  thumbs.forEach((thumb) => (thumb.ariaPressed = String(thumb === pressed)));
}

/** @param {HTMLElement} answer @param {HTMLButtonElement} thumb @param {RatingActions} actions */
function showCommentForm(answer, thumb, actions) {
  const form = /** @type {HTMLFormElement} */ (cloneTemplate("blank-comment", "form"));
  const field = /** @type {HTMLInputElement} */ (getPart(form, "field"));
  field.placeholder = translate(thumb.dataset.rating === "1" ? "why_good" : "why_bad");
  field.value = answer.dataset.comment ?? "";
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await actions.rate(Number(thumb.dataset.rating), field.value);
      answer.dataset.comment = field.value;
      closeForm(form, thumb);
      actions.announce(translate("thanks"));
    } catch (error) {
      actions.showError(error);
    }
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      event.preventDefault();
      closeForm(form, thumb);
    }
  });
  getPart(form, "cancel").addEventListener("click", () => closeForm(form, thumb));
  answer.append(form);
}

/** @param {HTMLFormElement} form @param {HTMLButtonElement} thumb is focused if the focus was in the form */
function closeForm(form, thumb) {
  const hadFocus = form.contains(document.activeElement);
  form.remove();
  if (hadFocus) {
    thumb.focus({ preventScroll: true });
  }
}
