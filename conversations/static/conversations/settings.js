// What makes the settings comfortable; they work without.

import { copy } from "./clipboard.js";
import { tellTimeZone } from "./time-zone.js";

/** @type {Set<HTMLFormElement>} */
const changed = new Set();

for (const form of document.forms) {
  form.addEventListener("input", () => changed.add(form));
  form.addEventListener("submit", () => changed.clear());
}

addEventListener("beforeunload", (event) => {
  if ([...changed].some((form) => [...form.elements].some(isUnsaved))) {
    event.preventDefault();
  }
});

/** @param {Element} field */
function isUnsaved(field) {
  if (field instanceof HTMLTextAreaElement) {
    return field.value !== field.defaultValue;
  }
  if (field instanceof HTMLInputElement) {
    return field.type === "radio" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
  }
  return field instanceof HTMLSelectElement && [...field.options].some((option) => option.selected !== option.defaultSelected);
}

document.querySelector("[data-previews-theme]")?.addEventListener("change", (event) => {
  if (event.target instanceof HTMLInputElement && event.target.name === "theme") {
    document.documentElement.dataset.theme = event.target.value;
  }
});

document.querySelector(".settings-nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("[data-copies]"))) {
  button.hidden = false;
  button.addEventListener("click", () => void copyFor(button));
}

/** @param {HTMLButtonElement} button */
async function copyFor(button) {
  const source = document.getElementById(button.dataset.copies ?? "");
  const label = /** @type {HTMLElement} */ (button.querySelector("span"));
  try {
    await copy(source?.textContent ?? "");
    label.textContent = button.dataset.done ?? "";
  } catch {
    label.textContent = button.dataset.failed ?? "";
  }
}

tellTimeZone();

// The page that shows a new token came in answer to a form: loading it again is not to make another.
history.replaceState(null, "", location.href);
