// Keys that work anywhere on a page.

const IME_KEY = 229;

/**
 * @typedef {object} Binding
 * @property {string} key as in KeyboardEvent.key, in lower case; "mod+" before it is Ctrl, or Cmd on a Mac
 * @property {() => void} run
 */

/** @param {Binding[]} bindings */
export function bindKeys(bindings) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.keyCode === IME_KEY || event.altKey) {
      return;
    }
    const name = nameOf(event);
    const binding = bindings.find(({ key }) => key === name);
    if (binding && (name.startsWith("mod+") || !isTyping(event.target)) && !isBehindDialog()) {
      event.preventDefault();
      binding.run();
    }
  });
}

/** @returns {boolean} whether something lies above the page that Esc would close first */
export function isSomethingOpen() {
  return document.querySelector("dialog[open], :popover-open:not([popover=manual])") !== null;
}

/** @param {KeyboardEvent} event @returns {string} */
function nameOf({ key, ctrlKey, metaKey, shiftKey }) {
  const isMod = ctrlKey || metaKey;
  return `${isMod ? "mod+" : ""}${isMod && shiftKey ? "shift+" : ""}${key.toLowerCase()}`;
}

/** @param {EventTarget | null} target @returns {boolean} */
function isTyping(target) {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable]:not([contenteditable=false]), [role=menu]") !== null;
}

/** @returns {boolean} */
function isBehindDialog() {
  return document.querySelector("dialog:modal") !== null;
}
