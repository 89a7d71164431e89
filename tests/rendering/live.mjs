// Renders each of the texts of a JSON list as the page does, and writes the list of their HTML. With `open` as if more came.

import { readFileSync } from "node:fs";
import { Definitions, parse, toHtml } from "./conversations/markdown.js";
import { withoutHalfMark } from "./conversations/incomplete-markdown.js";

const isOpen = process.argv[2] === "open";
const sources = JSON.parse(readFileSync(0, "utf8"));
const rendered = sources.map((source) =>
  parse(isOpen ? withoutHalfMark(source) : source, new Definitions(), isOpen).map(toHtml).join(""),
);
process.stdout.write(JSON.stringify(rendered));
