// The server's no, as a sentence for the reader.

import { duration, say } from "./words.js";

/** @import { RequestRefused } from "./connection.js" */

/** @param {RequestRefused} refusal @returns {string} */
export function sentenceOf({ code, message, retryAfter }) {
  if (code === "rate_limited" || code === "quota_exceeded") {
    return say("wait", { duration: duration(retryAfter ?? 1) });
  }
  return say(code) || say("refused", { reason: message });
}
