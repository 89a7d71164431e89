// Renders TeX formulas as MathML with Temml, which is loaded for the first formula.

import { runWhenIdle } from "./idle-queue.js";

const DELIMITED = /^(?:\$\$?|\\[([])([^]*?)(?:\$\$?|\\[)\]])$/;
const OPTIONS = { throwOnError: false, maxExpand: 500, maxSize: /** @type {[number, number]} */ ([20, 20]), strict: false };

/** @typedef {{attributes?: Record<string, string>, style?: Record<string, string>, children?: MathNode[], toNode(): Node}} MathNode */

/** @type {WeakMap<Element, string>} */
const sources = new WeakMap();

/** @param {Element} formula `.math` @returns {string} its TeX source with delimiters */
export function sourceOf(formula) {
  return sources.get(formula) ?? formula.textContent ?? "";
}

/** Renders a formula in place of its source, once the browser is idle. @param {HTMLElement} formula */
export function renderFormula(formula) {
  const source = formula.textContent ?? "";
  const tex = DELIMITED.exec(source)?.[1];
  if (sources.has(formula) || tex === undefined) {
    return;
  }
  sources.set(formula, source);
  void import("../npm/temml.mjs").then(
    ({ default: temml }) => runWhenIdle([() => render(temml, formula, tex)]),
    () => null, // Without Temml the source stays.
  );
}

/** @param {Temml} temml @param {HTMLElement} formula @param {string} tex */
function render(temml, formula, tex) {
  try {
    const tree = temml.__renderToMathMLTree(tex, { ...OPTIONS, displayMode: formula.tagName === "DIV" });
    sanitize(tree);
    formula.replaceChildren(tree.toNode());
  } catch {
    // What Temml cannot render stays as its source.
  }
}

/**
 * Removes ids, which could duplicate an id of the page, and links. Replaces style attributes, which the content security policy forbids,
 * by style properties, which it allows.
 * @param {MathNode} node
 */
function sanitize({ attributes, style, children = [] }) {
  delete attributes?.id;
  delete attributes?.href;
  if (attributes?.style && style) {
    for (const declaration of attributes.style.split(";")) {
      const [name, value] = declaration.split(":");
      if (value) {
        style[name.trim()] = value.trim();
      }
    }
    delete attributes.style;
  }
  children.forEach(sanitize);
}
