// Images of the hosts that the administrator trusts with that; they learn who reads. All others are links to the image.

const { imageHosts = "" } = document.body.dataset;
const hosts = imageHosts.toLowerCase().split(" ").filter(Boolean);

/** What each link said before it showed its image. @type {WeakMap<Element, string>} */
const descriptions = new WeakMap();

/** @param {Element} link `a.image` @returns {string} */
export function descriptionOf(link) {
  return descriptions.get(link) ?? link.textContent ?? "";
}

/** @param {HTMLAnchorElement} link which stays, around the image; where that cannot be loaded, with its text */
export function showImage(link) {
  if (descriptions.has(link) || !isTrusted(link)) {
    return;
  }
  const description = link.textContent ?? "";
  const words = [...link.childNodes];
  const image = new Image();
  image.alt = description === link.getAttribute("href") ? "" : description;
  image.referrerPolicy = "no-referrer";
  image.loading = "lazy";
  image.decoding = "async";
  image.addEventListener("error", () => link.replaceChildren(...words));
  image.src = link.href;
  descriptions.set(link, description);
  link.replaceChildren(image);
}

/** @param {HTMLAnchorElement} link */
function isTrusted({ protocol, hostname, port }) {
  return protocol === "https:" && !port && hosts.some((host) => host === "*" || isWithin(hostname, host));
}

/** @param {string} hostname @param {string} host with a dot before it, all below it are meant too */
function isWithin(hostname, host) {
  return host.startsWith(".") ? `.${hostname}`.endsWith(host) : hostname === host;
}
