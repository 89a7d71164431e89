// The server's no, as a sentence for the reader.

import { duration, say } from "./strings.js";

/** @import { RequestRefused } from "./connection.js" */

const TOO_LONG = /at most \d+ characters/;

/** @param {RequestRefused} refusal @returns {string} */
export function sentenceOf({ code, errors, message, retryAfter }) {
  if (Object.values(errors).some((error) => TOO_LONG.test(error))) {
    return say("too_large");
  }
  if (code === "rate_limited" || code === "quota_exceeded") {
    return say("wait", { duration: duration(retryAfter ?? 1) });
  }
  return say(code) || say("refused", { reason: message });
}
