// The time zone that the reader is in.

/** Tells the server, unless the reader has chosen one: once, and again when the browser's has become another. */
export function tellTimeZone() {
  const told = /** @type {HTMLMetaElement | null} */ (document.querySelector("meta[name='told-time-zone']"));
  const token = /** @type {HTMLInputElement | null} */ (document.querySelector("[name='csrfmiddlewaretoken']"));
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (told && token && zone && told.content !== zone) {
    const body = new URLSearchParams({ zone, csrfmiddlewaretoken: token.value });
    void fetch(told.dataset.address ?? "", { method: "POST", body }).catch(() => {
      // The next page tells it.
    });
  }
}
