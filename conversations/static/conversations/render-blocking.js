// A classic script in the head, for what has to happen before the page is first painted.

// Hides the sidebar at once where the user hid it earlier.
try {
  document.documentElement.dataset.sidebar = localStorage.getItem("sidebar") ?? "shown";
} catch {
  // Without localStorage the sidebar is shown.
}

// Scrolls a conversation to its newest message while the page is still being parsed. The element follows the scroll container.
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
