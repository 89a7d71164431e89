"""How a log record is written: on one line (a traceback below it), and never with a secret in it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

HIDDEN = "[hidden]"
SECRETS = re.compile(
    r"""
    (?P<kept>
        # a header, also as a dict or a pair of it is shown
        (?:proxy-)?authorization["']?\s*[:=,]\s*["']?(?:\w+\s+(?=\S))?
        # a token alone, or in the WebSocket's subprotocol
      | \bbearer[\s.]\s*(?=\S{8})
      | \b(?:x-)?(?:api[-_]?key|access[-_]?token|token|password|passwd|secret|sessionid|csrftoken)["']?\s*[:=]\s*["']?
    )
    [^\s"',;&)\]}]+
  | \bsk-[\w-]{8,}
    """,
    re.VERBOSE | re.IGNORECASE,
)


class RedactingFormatter(logging.Formatter):
    """Hides `secrets` wherever they stand, also in a traceback, and what looks like a credential."""

    def __init__(self, fmt: str | None = None, secrets: Iterable[str] = ()) -> None:
        super().__init__(fmt)
        self._secrets = [secret for secret in secrets if len(secret) >= 8]

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        return super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        for secret in self._secrets:
            line = line.replace(secret, HIDDEN)
        return SECRETS.sub(lambda match: (match["kept"] or "") + HIDDEN, line)
