// Copies text, also on pages without TLS, where browsers do not offer navigator.clipboard.

/**
 * Copies a text. Rejects if the browser refuses, or if the promise of the text does.
 * @param {string | Promise<string>} text a promise is passed on to the browser, which wants the call right after the click
 * @returns {Promise<void>}
 */
export async function copyText(text) {
  if (navigator.clipboard && "ClipboardItem" in window) {
    const blob = Promise.resolve(text).then((resolved) => new Blob([resolved], { type: "text/plain" }));
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    return;
  }
  copyBySelection(await text);
}

/** @param {string} text */
function copyBySelection(text) {
  const focused = document.activeElement;
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  if (focused instanceof HTMLElement) {
    focused.focus({ preventScroll: true });
  }
  if (!isCopied) {
    throw new Error("The browser refused to copy");
  }
}
