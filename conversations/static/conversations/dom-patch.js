// Updates the elements of a formatted text in place, so that unchanged elements keep their selection and scroll position.

import { codeBlockFor, codeOf } from "./code-blocks.js";
import { descriptionOf } from "./images.js";
import { sourceOf } from "./mathml.js";

/**
 * Updates an element to equal a new element, or replaces it if they differ in more than their content.
 * @param {Element} current on the page
 * @param {Element} updated not on the page; its children may be moved
 * @returns {Element} the one that is on the page afterwards
 */
export function patchElement(current, updated) {
  if (!areAlike(current, updated)) {
    current.replaceWith(updated);
    return updated;
  }
  if (current.matches(".code")) {
    codeBlockFor(/** @type {HTMLElement} */ (current)).set(codeOf(updated));
  } else if (!current.matches(".math, .image")) {
    patchChildren(current, updated);
  }
  return current;
}

/**
 * Updates the children of an element to equal those of a new element.
 * @param {Element} current
 * @param {Element} updated its children may be moved
 */
export function patchChildren(current, updated) {
  let child = current.firstChild;
  for (const newChild of [...updated.childNodes]) {
    const next = child?.nextSibling ?? null;
    if (!child) {
      current.append(newChild);
    } else if (child instanceof Text && newChild instanceof Text) {
      patchText(child, newChild.data);
    } else if (child instanceof Element && newChild instanceof Element) {
      patchElement(child, newChild);
    } else {
      child.replaceWith(newChild);
    }
    child = next;
  }
  while (child) {
    const next = child.nextSibling;
    child.remove();
    child = next;
  }
}

/**
 * Updates the last items of a list, or rows of a table, to equal those of a new element.
 * @param {Element} current
 * @param {Element} updated its items may be moved
 * @param {number} start the index in `current` of the first item in `updated`
 */
export function patchItems(current, updated, start) {
  const newItems = [...updated.children];
  newItems.forEach((newItem, index) => {
    const item = current.children[start + index];
    if (item) {
      patchElement(item, newItem);
    } else {
      // As in the server's HTML, a line end separates items, which matters for textContent.
      current.append(newItem, "\n");
    }
  });
  while (current.children.length > start + newItems.length) {
    current.lastElementChild?.nextSibling?.remove();
    current.lastElementChild?.remove();
  }
}

/** @param {Element} current @param {Element} updated */
function areAlike(current, updated) {
  if (current.tagName !== updated.tagName || current.className !== updated.className) {
    return false;
  }
  if (current.matches(".math")) {
    return sourceOf(current) === sourceOf(updated);
  }
  if (current.matches(".image") && descriptionOf(current) !== descriptionOf(updated)) {
    return false;
  }
  const names = updated.getAttributeNames();
  return current.getAttributeNames().length === names.length && names.every((name) => current.getAttribute(name) === updated.getAttribute(name));
}

/** @param {Text} node @param {string} data */
function patchText(node, data) {
  if (!data.startsWith(node.data)) {
    node.data = data;
  } else if (data.length > node.length) {
    node.appendData(data.slice(node.length));
  }
}
