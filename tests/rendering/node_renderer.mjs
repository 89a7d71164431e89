// Reads a JSON list of Markdown texts and writes the list of their HTML as the page renders it; with `open`, as while they stream.

import { readFileSync } from "node:fs";
import { Definitions, parseBlocks, renderBlock } from "./conversations/markdown.js";
import { dropPartialBlockMarker } from "./conversations/incomplete-markdown.js";

const isStreaming = process.argv[2] === "open";
const sources = JSON.parse(readFileSync(0, "utf8"));
const rendered = sources.map((source) =>
  parseBlocks(isStreaming ? dropPartialBlockMarker(source) : source, new Definitions(), isStreaming).map(renderBlock).join(""),
);
process.stdout.write(JSON.stringify(rendered));
