// What the page brings along: its elements, its markup to copy, its addresses.

/**
 * The element with this id, which the page always has.
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) {
    throw new Error(`The page lacks #${id}`);
  }
  return found;
}

/**
 * The piece of an element's markup that is marked `data-part="name"`.
 * @param {Element} whole
 * @param {string} name
 * @returns {HTMLElement}
 */
export function part(whole, name) {
  const found = whole.matches(`[data-part="${name}"]`) ? whole : whole.querySelector(`[data-part="${name}"]`);
  if (!(found instanceof HTMLElement)) {
    throw new Error(`The markup lacks ${name}`);
  }
  return found;
}

/**
 * A fresh copy of what matches in a `<template>`: the same markup that the server renders.
 * @param {string} templateId
 * @param {string} selector
 * @returns {HTMLElement}
 */
export function copyOf(templateId, selector) {
  const original = element(templateId, HTMLTemplateElement).content.querySelector(selector);
  return /** @type {HTMLElement} */ (document.importNode(/** @type {Element} */ (original), true));
}

/**
 * A piece of the page, rendered by the server. Fails when there is none, or nobody is signed in any more.
 * @param {string} address
 * @returns {Promise<HTMLElement>} its elements are the children
 */
export async function fetchFragment(address) {
  const response = await fetch(address, { redirect: "error", headers: { Accept: "text/html" } });
  if (!response.ok) {
    throw new Error(`${address}: ${response.status}`);
  }
  return new DOMParser().parseFromString(await response.text(), "text/html").body;
}

/** @type {string | undefined} the one that the reader has chosen; else scripts say times in the browser's own */
export const timeZone = document.querySelector("meta[name='time-zone']")?.getAttribute("content") ?? undefined;

const home = document.body.dataset.home ?? "/";

export const addresses = {
  home,
  socket: new URL(`${home}ws/`, location.href.replace(/^http/, "ws")).href,
  /** @param {string} id */
  conversation: (id) => `${home}c/${id}/`,
  /** @param {string} id */
  messages: (id) => `${home}c/${id}/messages/`,
  /** @param {string} id @param {string} messageId */
  message: (id, messageId) => `${home}c/${id}/messages/${messageId}/`,
  signIn: () => `${document.body.dataset.signIn}?next=${encodeURIComponent(location.pathname)}`,
};
