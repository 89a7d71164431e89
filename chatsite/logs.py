"""Formats log records on one line, followed by the traceback, and without secrets."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

HIDDEN = "[hidden]"
SECRETS = re.compile(
    r"""
    (?P<prefix>
        # a header, also as the repr of a dict or tuple
        (?:proxy-)?authorization["']?\s*[:=,]\s*["']?(?:\w+\s+(?=\S))?
        # a token by itself, or in the WebSocket subprotocol
      | \bbearer[\s.]\s*(?=\S{8})
      | \b(?:x-)?(?:api[-_]?key|access[-_]?token|token|password|passwd|secret|sessionid|csrftoken)["']?\s*[:=]\s*["']?
    )
    [^\s"',;&)\]}]+
  | \bsk-[\w-]{8,}
    """,
    re.VERBOSE | re.IGNORECASE,
)


class RedactingFormatter(logging.Formatter):
    """Replaces `secrets`, and what looks like a credential, in messages and tracebacks."""

    def __init__(self, fmt: str | None = None, secrets: Iterable[str] = ()) -> None:
        super().__init__(fmt)
        self._secrets = [secret for secret in secrets if len(secret) >= 8]

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name of the overridden method
        return super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        for secret in self._secrets:
            line = line.replace(secret, HIDDEN)
        return SECRETS.sub(lambda match: (match["prefix"] or "") + HIDDEN, line)
