"""Tokens with the time of their sending, from which a receiver on the same machine computes their delay.

A token is a space, `~` and six hexadecimal digits: the system's monotonic clock in units of 10 us, modulo 168 seconds.
The stamps of a stream strictly increase.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

UNITS_PER_MS = 100
TOKEN_BYTES = 8
STAMPS = re.compile(rb" ~([0-9a-f]{6})")

_NS_PER_UNIT = 1_000_000 // UNITS_PER_MS
_MODULUS = 16**6


def now() -> int:
    return time.monotonic_ns() // _NS_PER_UNIT


def elapsed(since: int, until: int) -> int:
    """Returns the units between two times, each of which may be a stamp."""
    units = (until - since) % _MODULUS
    return units if units < _MODULUS // 2 else units - _MODULUS


class Stamper:
    """Creates the tokens of one stream."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last = 0

    def token(self) -> bytes:
        self._last = max(now(), self._last + 1)
        return b" ~%06x" % (self._last % _MODULUS)


class StampReader:
    """Finds the tokens of one stream. Skips those that it found before."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: int | None = None

    def read(self, payload: bytes) -> Iterator[int]:
        for digits in STAMPS.findall(payload):
            stamp = int(digits, 16)
            if self._last is None or elapsed(self._last, stamp) > 0:
                self._last = stamp
                yield stamp
