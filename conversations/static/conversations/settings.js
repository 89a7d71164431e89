// Entry point of the settings pages, which also work without it.

import { copyText } from "./clipboard.js";
import { reportTimeZone } from "./time-zone.js";

/** @type {Set<HTMLFormElement>} */
const editedForms = new Set();

for (const form of document.forms) {
  form.addEventListener("input", () => editedForms.add(form));
  form.addEventListener("submit", () => editedForms.clear());
}

addEventListener("beforeunload", (event) => {
  if ([...editedForms].some((form) => [...form.elements].some(isUnsaved))) {
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
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copies ?? "");
    const label = /** @type {HTMLElement} */ (button.querySelector("span"));
    try {
      await copyText(source?.textContent ?? "");
      label.textContent = button.dataset.done ?? "";
    } catch {
      label.textContent = button.dataset.failed ?? "";
    }
  });
}

reportTimeZone();

// The page with a new API token is the response to a form. Reloading it should not create another token.
history.replaceState(null, "", location.href);
