"""How long to wait before a model is asked again."""

from __future__ import annotations

import random

from conversations.llm.errors import LLMError

LONGEST_WAIT = 30.0
"""Seconds: a server that asks for a longer pause before the next attempt is reported, not waited for."""

_LONGEST_BACKOFF = 8.0

_jitter = random.SystemRandom()


def pause_before_next(attempt: int, error: LLMError, first: float) -> float | None:
    """Seconds after the attempt of this number, from 0, which failed so; None if the server wants too much.

    `first` is the longest pause after attempt 0; it doubles with each further one.
    """
    asked = error.retry_after or 0.0
    if asked > LONGEST_WAIT:
        return None
    backoff = min(first * 2.0**attempt, _LONGEST_BACKOFF)
    return max(backoff * _jitter.uniform(0.5, 1), asked)
