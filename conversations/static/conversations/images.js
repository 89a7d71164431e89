// Images in answers. Those on hosts that the administrator trusts are shown; others stay links, since a host learns who reads the answer.

const { imageHosts = "" } = document.body.dataset;
const trustedHosts = imageHosts.toLowerCase().split(" ").filter(Boolean);

/** The text of each link whose image is shown. @type {WeakMap<Element, string>} */
const descriptions = new WeakMap();

/** @param {Element} link `a.image` @returns {string} */
export function descriptionOf(link) {
  return descriptions.get(link) ?? link.textContent ?? "";
}

/** Shows the image of a link instead of its text, if its host is trusted. The text comes back if loading fails. @param {HTMLAnchorElement} link */
export function showImage(link) {
  if (descriptions.has(link) || !isTrusted(link)) {
    return;
  }
  const description = link.textContent ?? "";
  const content = [...link.childNodes];
  const image = new Image();
  image.alt = description === link.getAttribute("href") ? "" : description;
  image.referrerPolicy = "no-referrer";
  image.loading = "lazy";
  image.decoding = "async";
  image.addEventListener("error", () => link.replaceChildren(...content));
  image.src = link.href;
  descriptions.set(link, description);
  link.replaceChildren(image);
}

/** Whether an address has a trusted host: `*` stands for all, `.example.com` for that host and those below it. @param {HTMLAnchorElement} link */
function isTrusted({ protocol, hostname, port }) {
  const matches = (/** @type {string} */ host) => (host.startsWith(".") ? `.${hostname}`.endsWith(host) : hostname === host);
  return protocol === "https:" && !port && trustedHosts.some((host) => host === "*" || matches(host));
}
