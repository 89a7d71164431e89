// Renders each of the texts of a JSON list as the page does and writes the list of their HTML; with `open` as while they stream.

import { readFileSync } from "node:fs";
import { Definitions, parseBlocks, renderBlock } from "./conversations/markdown.js";
import { dropPartialBlockMarker } from "./conversations/incomplete-markdown.js";

const isStreaming = process.argv[2] === "open";
const sources = JSON.parse(readFileSync(0, "utf8"));
const rendered = sources.map((source) =>
  parseBlocks(isStreaming ? dropPartialBlockMarker(source) : source, new Definitions(), isStreaming).map(renderBlock).join(""),
);
process.stdout.write(JSON.stringify(rendered));
