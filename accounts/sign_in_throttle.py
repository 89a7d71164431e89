"""Passwords cannot be guessed at any rate: so many failed attempts to sign in, then one has to wait.

Counted in the cache, which all processes share where there is Redis. While it cannot be reached, nobody is stopped.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

logger = logging.getLogger(__name__)

WINDOW = 600
"""Seconds in which failures are counted together."""
PER_ACCOUNT_AND_ADDRESS = 10
PER_ADDRESS = 50
"""Of guesses at many accounts."""
PER_ACCOUNT = 100
"""From many addresses: high, as whoever reaches it keeps its owner out too."""


def seconds_to_wait(request: HttpRequest, username: str) -> float:
    """0 for who may try now."""
    now = time.time()
    counted = dict(_keys(request, username, now))
    try:
        failures = cache.get_many(counted)
    except Exception as error:
        logger.warning("failed attempts to sign in cannot be counted: %s", type(error).__name__)
        return 0
    if any(failures.get(key, 0) >= most for key, most in counted.items()):
        return WINDOW - now % WINDOW
    return 0


def note_failure(request: HttpRequest, username: str) -> None:
    for key, _ in _keys(request, username, time.time()):
        try:
            cache.add(key, 0, timeout=2 * WINDOW)
            cache.incr(key)
        except Exception as error:
            logger.warning("a failed attempt to sign in cannot be counted: %s", type(error).__name__)
            return


def address_of(request: HttpRequest) -> str:
    """Where the request comes from: behind a proxy (PUBLIC_URL is set then) the last address that it has added."""
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.PUBLIC_URL else ""
    return forwarded.rpartition(",")[2].strip() or str(request.META.get("REMOTE_ADDR", ""))


def _keys(request: HttpRequest, username: str, now: float) -> Iterator[tuple[str, int]]:
    """Each with how many failures it allows."""
    account, address = username.strip().casefold(), address_of(request)
    window = int(now // WINDOW)
    for scope, most in (
        (("account and address", account, address), PER_ACCOUNT_AND_ADDRESS),
        (("address", address), PER_ADDRESS),
        (("account", account), PER_ACCOUNT),
    ):
        digest = hashlib.sha256(repr((scope, window)).encode("utf-8", "backslashreplace")).hexdigest()
        yield f"failed-sign-in:{digest}", most
