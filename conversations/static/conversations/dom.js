// Access to what the server rendered: elements, templates, page fragments and URLs.

/**
 * Returns the element with this id. Throws if the page lacks it or it has another type.
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function getElement(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) {
    throw new Error(`The page lacks #${id}`);
  }
  return element;
}

/**
 * Returns the element marked `data-part="name"`: `root` itself or one of its descendants. Throws if there is none.
 * @param {Element} root
 * @param {string} name
 * @returns {HTMLElement}
 */
export function getPart(root, name) {
  const part = root.matches(`[data-part="${name}"]`) ? root : root.querySelector(`[data-part="${name}"]`);
  if (!(part instanceof HTMLElement)) {
    throw new Error(`The markup lacks ${name}`);
  }
  return part;
}

/**
 * Returns a copy of the first match in a `<template>`, which holds the same markup that the server renders.
 * @param {string} templateId
 * @param {string} selector
 * @returns {HTMLElement}
 */
export function cloneTemplate(templateId, selector) {
  const original = getElement(templateId, HTMLTemplateElement).content.querySelector(selector);
  return /** @type {HTMLElement} */ (document.importNode(/** @type {Element} */ (original), true));
}

/**
 * Fetches a fragment of a page. Rejects if the server does not return one, or redirects because the user is signed out.
 * @param {string} url
 * @returns {Promise<HTMLElement>} a detached element whose children are the fragment's elements
 */
export async function fetchFragment(url) {
  const response = await fetch(url, { redirect: "error", headers: { Accept: "text/html" } });
  if (!response.ok) {
    throw new Error(`${url}: ${response.status}`);
  }
  return new DOMParser().parseFromString(await response.text(), "text/html").body;
}

/** Fits a field's height to its text in browsers without `field-sizing`. @param {HTMLTextAreaElement} field */
export function fitHeight(field) {
  if (!CSS.supports("field-sizing", "content")) {
    field.style.blockSize = "auto";
    field.style.blockSize = `${field.scrollHeight}px`;
  }
}

const home = document.body.dataset.home ?? "/";

export const urls = {
  home,
  webSocket: new URL(`${home}ws/`, location.href.replace(/^http/, "ws")).href,
  /** @param {string} id */
  conversation: (id) => `${home}c/${id}/`,
  /** @param {string} id */
  messages: (id) => `${home}c/${id}/messages/`,
  /** @param {string} id @param {string} messageId */
  message: (id, messageId) => `${home}c/${id}/messages/${messageId}/`,
  signIn: () => `${document.body.dataset.signIn}?next=${encodeURIComponent(location.pathname)}`,
};
