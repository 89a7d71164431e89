"""Limits on failed attempts to sign in, so that passwords cannot be guessed.

Failures are counted in the cache, which all processes share if there is Redis. If the cache cannot be reached, nothing
is limited.
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

WINDOW_SECONDS = 600
"""Failures are counted in fixed windows of this length."""
MAX_PER_ACCOUNT_AND_ADDRESS = 10
MAX_PER_ADDRESS = 50
"""Limits guesses at many accounts from one address."""
MAX_PER_ACCOUNT = 100
"""Limits guesses at one account from many addresses. High, because reaching it locks the account's owner out too."""


def seconds_to_wait(request: HttpRequest, username: str) -> float:
    """Returns the seconds until the next attempt is allowed, 0 if it is allowed now."""
    now = time.time()
    limits = dict(_limits(request, username, now))
    try:
        failures = cache.get_many(limits)
    except Exception as error:
        logger.warning("failed attempts to sign in cannot be counted: %s", type(error).__name__)
        return 0
    if any(failures.get(key, 0) >= max_failures for key, max_failures in limits.items()):
        return WINDOW_SECONDS - now % WINDOW_SECONDS
    return 0


def record_failure(request: HttpRequest, username: str) -> None:
    for key, _ in _limits(request, username, time.time()):
        try:
            cache.add(key, 0, timeout=2 * WINDOW_SECONDS)
            cache.incr(key)
        except Exception as error:
            logger.warning("a failed attempt to sign in cannot be counted: %s", type(error).__name__)
            return


def client_address(request: HttpRequest) -> str:
    """Returns the client's address. Behind a proxy (PUBLIC_URL is set) it is the last one in X-Forwarded-For."""
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.PUBLIC_URL else ""
    return forwarded.rpartition(",")[2].strip() or str(request.META.get("REMOTE_ADDR", ""))


def _limits(request: HttpRequest, username: str, now: float) -> Iterator[tuple[str, int]]:
    """Yields the cache key of each counter, and the failures that it allows in a window."""
    account, address = username.strip().casefold(), client_address(request)
    window = int(now // WINDOW_SECONDS)
    for scope, max_failures in (
        (("account and address", account, address), MAX_PER_ACCOUNT_AND_ADDRESS),
        (("address", address), MAX_PER_ADDRESS),
        (("account", account), MAX_PER_ACCOUNT),
    ):
        digest = hashlib.sha256(repr((scope, window)).encode("utf-8", "backslashreplace")).hexdigest()
        yield f"failed-sign-in:{digest}", max_failures
