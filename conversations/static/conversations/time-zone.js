// The browser's time zone.

/** Reports the browser's time zone to the server if it has changed. The page has no such `<meta>` if the user chose a time zone. */
export function reportTimeZone() {
  const reported = /** @type {HTMLMetaElement | null} */ (document.querySelector("meta[name='told-time-zone']"));
  const token = /** @type {HTMLInputElement | null} */ (document.querySelector("[name='csrfmiddlewaretoken']"));
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (reported && token && zone && reported.content !== zone) {
    const body = new URLSearchParams({ zone, csrfmiddlewaretoken: token.value });
    void fetch(reported.dataset.address ?? "", { method: "POST", body }).catch(() => {
      // The next page reports it.
    });
  }
}
