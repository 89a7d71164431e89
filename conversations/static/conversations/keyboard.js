// Keyboard shortcuts that work anywhere on a page.

/** The key code of keys that an input method takes; Safari reports it after isComposing has become false. */
const IME_KEY_CODE = 229;

/**
 * @typedef {object} Shortcut
 * @property {string} key KeyboardEvent.key in lower case, after "mod+" for Ctrl or Cmd, or "mod+shift+"
 * @property {() => void} run
 */

/** @param {Shortcut[]} shortcuts */
export function bindShortcuts(shortcuts) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || isComposing(event) || event.altKey) {
      return;
    }
    const isMod = event.ctrlKey || event.metaKey;
    const pressed = `${isMod ? "mod+" : ""}${isMod && event.shiftKey ? "shift+" : ""}${event.key.toLowerCase()}`;
    const shortcut = shortcuts.find(({ key }) => key === pressed);
    if (shortcut && (isMod || !takesText(event.target)) && !document.querySelector("dialog:modal")) {
      event.preventDefault();
      shortcut.run();
    }
  });
}

/** Whether an input method, such as one for Chinese, is handling the key. @param {KeyboardEvent} event */
export function isComposing(event) {
  return event.isComposing || event.keyCode === IME_KEY_CODE;
}

/** Whether a dialog, menu or other popover is open, which Esc closes. @returns {boolean} */
export function isOverlayOpen() {
  return document.querySelector("dialog[open], :popover-open:not([popover=manual])") !== null;
}

/** @param {EventTarget | null} target @returns {boolean} */
function takesText(target) {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable]:not([contenteditable=false]), [role=menu]") !== null;
}
