// Makes elements of a text become others, and touches only what differs: what is selected or scrolled in it stays so.

import { codeBlockOf, codeOf } from "./code-blocks.js";
import { descriptionOf } from "./images.js";
import { sourceOf } from "./math.js";

/**
 * @param {Element} old in the page
 * @param {Element} made not in it yet
 * @returns {Element} the one of them that is in the page now
 */
export function patch(old, made) {
  if (!areAlike(old, made)) {
    old.replaceWith(made);
    return made;
  }
  if (old.matches(".code")) {
    codeBlockOf(/** @type {HTMLElement} */ (old)).set(codeOf(made));
  } else if (!old.matches(".math, .image")) {
    patchChildren(old, made);
  }
  return old;
}

/**
 * Makes the children of an element those of another. Both are known to be alike.
 * @param {Element} old
 * @param {Element} made loses what it has
 */
export function patchChildren(old, made) {
  let next = old.firstChild;
  for (const node of [...made.childNodes]) {
    const following = next?.nextSibling ?? null;
    if (!next) {
      old.append(node);
    } else if (next instanceof Text && node instanceof Text) {
      setText(next, node.data);
    } else if (next instanceof Element && node instanceof Element) {
      patch(next, node);
    } else {
      next.replaceWith(node);
    }
    next = following;
  }
  while (next) {
    const following = next.nextSibling;
    next.remove();
    next = following;
  }
}

/**
 * Makes the items of a list or table, from the one at an index on, those of another. A line ends behind each, as in what
 * the server makes: without it words of two items are one for who reads the text alone.
 * @param {Element} old
 * @param {Element} made
 * @param {number} kept the index
 */
export function patchItems(old, made, kept) {
  const items = [...made.children];
  items.forEach((item, index) => {
    const shown = old.children[kept + index];
    if (shown) {
      patch(shown, item);
    } else {
      old.append(item, "\n");
    }
  });
  while (old.children.length > kept + items.length) {
    old.lastElementChild?.nextSibling?.remove();
    old.lastElementChild?.remove();
  }
}

/** @param {Element} one @param {Element} other */
function areAlike(one, other) {
  if (one.tagName !== other.tagName || one.className !== other.className) {
    return false;
  }
  if (one.matches(".math")) {
    return sourceOf(one) === sourceOf(other);
  }
  if (one.matches(".image") && descriptionOf(one) !== descriptionOf(other)) {
    return false;
  }
  return one.getAttributeNames().length === other.getAttributeNames().length && other.getAttributeNames().every((name) => one.getAttribute(name) === other.getAttribute(name));
}

/** @param {Text} text @param {string} wanted */
function setText(text, wanted) {
  if (wanted.startsWith(text.data)) {
    if (wanted.length > text.length) {
      text.appendData(wanted.slice(text.length));
    }
  } else {
    text.data = wanted;
  }
}
