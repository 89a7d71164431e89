// What formatted texts need besides their markup: code blocks that can be copied and are coloured, formulas and images that are drawn.

import { codeBlockOf } from "./code-blocks.js";
import { showImage } from "./images.js";
import { typeset } from "./math.js";
import { patchChildren } from "./patch.js";

const NEEDY = ".prose .code, .prose .math, .prose a.image";

/** Sees to all texts in an element, and to those that come into it. @param {HTMLElement} root */
export function watchProse(root) {
  prepare(root);
  new MutationObserver((records) => {
    for (const { target, addedNodes } of records) {
      if (target instanceof Element && !target.closest(".code, .math, .image")) {
        addedNodes.forEach((node) => node instanceof HTMLElement && prepare(node));
      }
    }
  }).observe(root, { childList: true, subtree: true });
}

/**
 * Lets the texts of a live answer become what the server has made of them, so that what is alike stays as it is.
 * @param {HTMLElement} live
 * @param {HTMLElement} rendered has the elements of the live texts afterwards
 */
export function keepTexts(live, rendered) {
  for (const text of /** @type {NodeListOf<HTMLElement>} */ (rendered.querySelectorAll('[data-type="text"]'))) {
    const shown = live.querySelector(`[data-type="text"][data-step="${text.dataset.step}"]`);
    if (shown && !text.matches(".plain")) {
      text.childNodes.forEach((node) => node instanceof Text && node.remove());
      shown.className = text.className;
      patchChildren(shown, text);
      text.replaceWith(shown);
    }
  }
}

/** The newest first, which is what one looks at. @param {HTMLElement} element */
function prepare(element) {
  const found = /** @type {HTMLElement[]} */ ([...element.querySelectorAll(NEEDY)]);
  if (element.matches(NEEDY)) {
    found.push(element);
  }
  for (const one of found.reverse()) {
    if (one.matches(".code")) {
      codeBlockOf(one);
    } else if (one instanceof HTMLAnchorElement) {
      showImage(one);
    } else {
      typeset(one);
    }
  }
}
