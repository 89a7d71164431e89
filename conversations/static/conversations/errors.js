// Error messages for requests that the server refused.

import { formatDuration, translate } from "./strings.js";

/** @import { RequestError } from "./connection.js" */

const TOO_LONG = /at most \d+ characters/;

/** @param {RequestError} error @returns {string} */
export function errorMessage({ code, errors, message, retryAfter }) {
  if (Object.values(errors).some((error) => TOO_LONG.test(error))) {
    return translate("too_large");
  }
  if (code === "rate_limited" || code === "quota_exceeded") {
    return translate("wait", { duration: formatDuration(retryAfter ?? 1) });
  }
  return translate(code) || translate("refused", { reason: message });
}
