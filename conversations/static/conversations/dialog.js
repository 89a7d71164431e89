// Modal dialogs: `<dialog class="dialog">` elements, which close with Esc, by their buttons, and by a click on the backdrop.

import { getPart } from "./dom.js";

/** @param {HTMLDialogElement} dialog */
export function openDialog(dialog) {
  if (!dialog.open) {
    dialog.returnValue = "";
    dialog.showModal();
  }
}

/**
 * Opens a confirmation dialog.
 * @param {HTMLDialogElement} dialog
 * @returns {Promise<boolean>} resolves when the dialog is closed, to whether this was by the button with the value "yes"
 */
export function confirmInDialog(dialog) {
  openDialog(dialog);
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

/**
 * Handles attributes of the page's elements: `data-dialog="id"` opens a dialog, `data-close` closes the surrounding dialog, and a form
 * with `data-confirm="id"` is submitted only after confirmation in that dialog, which shows the form's `data-subject`.
 */
export function initDialogs() {
  document.addEventListener("submit", (event) => void confirmSubmit(event));
  /** @type {EventTarget | null} */ let pressed = null;
  document.addEventListener("pointerdown", (event) => (pressed = event.target));
  document.addEventListener("click", (event) => {
    const { target } = event;
    if (target instanceof HTMLDialogElement && target.open && target === pressed && isOnBackdrop(target, event)) {
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
async function confirmSubmit(event) {
  const form = /** @type {HTMLFormElement} */ (event.target);
  const dialog = document.getElementById(form.dataset.confirm ?? "");
  if (dialog instanceof HTMLDialogElement) {
    event.preventDefault();
    getPart(dialog, "subject").textContent = form.dataset.subject ?? "";
    if (await confirmInDialog(dialog)) {
      form.submit();
    }
  }
}

/** @param {HTMLDialogElement} dialog @param {MouseEvent} event @returns {boolean} */
function isOnBackdrop(dialog, { clientX: x, clientY: y }) {
  const box = dialog.getBoundingClientRect();
  return x < box.left || x > box.right || y < box.top || y > box.bottom;
}
