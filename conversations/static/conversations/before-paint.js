// A classic script behind the styles in the head: what has to be so when the page is drawn for the first time.

// A column that was hidden does not show for a moment.
try {
  document.documentElement.dataset.sidebar = localStorage.getItem("sidebar") ?? "shown";
} catch {
  // The browser keeps nothing: the column shows.
}

// The first thing drawn is already the newest message: this element stands behind what scrolls, and waits for no script of its own.
customElements.define(
  "start-at-end",
  class extends HTMLElement {
    connectedCallback() {
      const scroller = this.previousElementSibling;
      if (scroller && document.body.dataset.conversation) {
        scroller.scrollTop = scroller.scrollHeight;
      }
    }
  },
);
