// Types of the npm packages, by the names under which chatsite/npm_files.py serves them.

declare module "*/npm/markdown-it.mjs" {
  export * from "markdown-it";
  export { default } from "markdown-it";
}

/** Sets the global `DOMPurify`. */
declare module "*/npm/dompurify.mjs" {}

declare module "*/npm/highlight.mjs" {
  const hljs: Highlighter;
  export default hljs;
}

declare module "*.language.mjs" {
  const language: Language;
  export default language;
}

interface Language {
  (hljs: Highlighter): object;
}

interface Highlighter {
  getLanguage(name: string): object | undefined;
  highlight(code: string, options: { language: string; ignoreIllegals: boolean }): { value: string };
  registerLanguage(name: string, language: Language): void;
}

declare const DOMPurify: import("dompurify").DOMPurify;

declare module "*/npm/temml.mjs" {
  const temml: Temml;
  export default temml;
}

interface Temml {
  __renderToMathMLTree(tex: string, options: object): any;
}
