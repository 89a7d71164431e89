// Dialogs: the browser's own, closed with Esc, by their buttons, and by a click beside them. Focus returns to where it was.

import { part } from "./page.js";

/** Opens a `<dialog class="dialog">`. @param {HTMLDialogElement} dialog */
export function openDialog(dialog) {
  if (!dialog.open) {
    dialog.returnValue = "";
    dialog.showModal();
  }
}

/**
 * Asks; the button that says yes has the value "yes".
 * @param {HTMLDialogElement} dialog
 * @returns {Promise<boolean>} once it is closed
 */
export function confirmed(dialog) {
  openDialog(dialog);
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

/**
 * Dialogs close where one clicks beside them and by `data-close` in them, and open by `data-dialog="id"`; a form with
 * `data-confirm="id"` is only sent once that dialog was told yes, which shows its `data-subject`.
 */
export function makeDialogs() {
  document.addEventListener("submit", (event) => void askFirst(event));
  /** @type {EventTarget | null} */ let pressed = null;
  document.addEventListener("pointerdown", (event) => (pressed = event.target));
  document.addEventListener("click", (event) => {
    const { target } = event;
    if (target instanceof HTMLDialogElement && target.open && target === pressed && isBeside(target, event)) {
      target.close();
    }
    const closer = target instanceof Element ? target.closest("[data-close]") : null;
    const surrounding = closer?.closest("dialog");
    if (surrounding) {
      event.preventDefault();
      surrounding.close();
    }
    const opener = target instanceof Element ? target.closest("[data-dialog]") : null;
    const dialog = opener && document.getElementById(opener.getAttribute("data-dialog") ?? "");
    if (dialog instanceof HTMLDialogElement) {
      event.preventDefault();
      openDialog(dialog);
    }
  });
}

/** @param {SubmitEvent} event */
async function askFirst(event) {
  const form = /** @type {HTMLFormElement} */ (event.target);
  const dialog = document.getElementById(form.dataset.confirm ?? "");
  if (dialog instanceof HTMLDialogElement) {
    event.preventDefault();
    part(dialog, "subject").textContent = form.dataset.subject ?? "";
    if (await confirmed(dialog)) {
      form.submit();
    }
  }
}

/** @param {HTMLDialogElement} dialog @param {MouseEvent} event @returns {boolean} */
function isBeside(dialog, { clientX: x, clientY: y }) {
  const box = dialog.getBoundingClientRect();
  return x < box.left || x > box.right || y < box.top || y > box.bottom;
}
