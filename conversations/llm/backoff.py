"""Computes the delay before a failed model call is retried."""

from __future__ import annotations

import random

from conversations.llm.errors import LLMError

MAX_RETRY_AFTER = 30.0
"""Seconds. If a server asks for a longer delay, its error is reported at once."""

_MAX_BACKOFF = 8.0

_random = random.SystemRandom()


def retry_delay(attempt: int, error: LLMError, initial: float) -> float | None:
    """Returns the seconds to wait after a failed attempt; None if the server asks for more than MAX_RETRY_AFTER.

    `attempt` counts from 0. The delay is at most `initial` seconds after attempt 0, and doubles with each attempt.
    """
    requested = error.retry_after or 0.0
    if requested > MAX_RETRY_AFTER:
        return None
    backoff = min(initial * 2.0**attempt, _MAX_BACKOFF)
    return max(backoff * _random.uniform(0.5, 1), requested)
