// Copying, also on a page without TLS, where browsers have no clipboard for scripts.

/**
 * @param {string | Promise<string>} text what may still have to be fetched; browsers want to be asked at once
 * @returns {Promise<void>} rejects if the browser refuses, or there is no text
 */
export async function copy(text) {
  if (navigator.clipboard && "ClipboardItem" in window) {
    const content = Promise.resolve(text).then((known) => new Blob([known], { type: "text/plain" }));
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": content })]);
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
    throw new Error("The browser does not copy");
  }
}
