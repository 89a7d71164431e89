// Completes formatted texts (`.prose`): adds tools and highlighting to code blocks, and renders formulas and images.

import { codeBlockFor } from "./code-blocks.js";
import { patchChildren } from "./dom-patch.js";
import { showImage } from "./images.js";
import { renderFormula } from "./mathml.js";

const ENHANCED = ".prose .code, .prose .math, .prose a.image";

/** Enhances all formatted texts in an element, and those that are added later. @param {HTMLElement} root */
export function enhanceTexts(root) {
  enhance(root);
  new MutationObserver((records) => {
    for (const { target, addedNodes } of records) {
      if (target instanceof Element && !target.closest(".code, .math, .image")) {
        addedNodes.forEach((node) => node instanceof HTMLElement && enhance(node));
      }
    }
  }).observe(root, { childList: true, subtree: true });
}

/**
 * Moves the texts of a live answer into the server's rendering of it, updated to equal the texts there. So what is alike keeps its
 * elements.
 * @param {HTMLElement} live
 * @param {HTMLElement} rendered
 */
export function reuseLiveTexts(live, rendered) {
  for (const text of /** @type {NodeListOf<HTMLElement>} */ (rendered.querySelectorAll('[data-type="text"]'))) {
    const liveText = live.querySelector(`[data-type="text"][data-step="${text.dataset.step}"]`);
    if (liveText && !text.matches(".plain")) {
      text.childNodes.forEach((node) => node instanceof Text && node.remove());
      liveText.className = text.className;
      patchChildren(liveText, text);
      text.replaceWith(liveText);
    }
  }
}

/** Starts with the last element, as the page shows its end first. @param {HTMLElement} root */
function enhance(root) {
  const elements = /** @type {HTMLElement[]} */ ([...root.querySelectorAll(ENHANCED)]);
  if (root.matches(ENHANCED)) {
    elements.push(root);
  }
  for (const element of elements.reverse()) {
    if (element.matches(".code")) {
      codeBlockFor(element);
    } else if (element instanceof HTMLAnchorElement) {
      showImage(element);
    } else {
      renderFormula(element);
    }
  }
}
