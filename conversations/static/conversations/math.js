// Formulas as MathML. What draws them is loaded with the first one.

import { whenIdle } from "./idle.js";

const MARKS = /^(?:\$\$?|\\[([])([^]*?)(?:\$\$?|\\[)\]])$/;
const OPTIONS = { throwOnError: false, maxExpand: 500, maxSize: /** @type {[number, number]} */ ([20, 20]), strict: false };

/** @typedef {{attributes?: Record<string, string>, style?: Record<string, string>, children?: MathNode[], toNode(): Node}} MathNode */

/** @type {WeakMap<Element, string>} */
const sources = new WeakMap();

/** @param {Element} formula `.math` @returns {string} as it was written, with its marks */
export function sourceOf(formula) {
  return sources.get(formula) ?? formula.textContent ?? "";
}

/** Draws a formula in place of its source, as soon as there is time. @param {HTMLElement} formula */
export function typeset(formula) {
  const source = formula.textContent ?? "";
  const tex = MARKS.exec(source)?.[1];
  if (sources.has(formula) || tex === undefined) {
    return;
  }
  sources.set(formula, source);
  void import("../npm/temml.mjs").then(
    ({ default: temml }) => whenIdle([() => draw(temml, formula, tex)]),
    () => null, // Its source stays, which can be read too.
  );
}

/** @param {Temml} temml @param {HTMLElement} formula @param {string} tex */
function draw(temml, formula, tex) {
  try {
    const tree = temml.__renderToMathMLTree(tex, { ...OPTIONS, displayMode: formula.tagName === "DIV" });
    makeHarmless(tree);
    formula.replaceChildren(tree.toNode());
  } catch {
    // What cannot be drawn stays as it was written.
  }
}

/**
 * The policy forbids styles as attributes, but not as properties. A label would be an id, and could be that of something else
 * on the page; a reference to it would be a link.
 * @param {MathNode} node
 */
function makeHarmless({ attributes, style, children = [] }) {
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
  children.forEach(makeHarmless);
}
