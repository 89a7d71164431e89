// A classic script in the head, so that a column that was hidden does not show for a moment.
try {
  document.documentElement.dataset.sidebar = localStorage.getItem("sidebar") ?? "shown";
} catch {
  // The browser keeps nothing: the column shows.
}
