"""Tokens carry their time of sending, also across the wraparound of the clock, and are counted once."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.rig.stamps import TOKEN_BYTES, UNITS_PER_MS, Stamper, StampReader, elapsed, now

WRAP = 16**6


@given(st.integers(0, 10**9), st.integers(-WRAP // 2 + 1, WRAP // 2 - 1))
def test_a_delay_is_measured_across_the_clock_wraparound(since: int, units: int) -> None:
    assert elapsed(since % WRAP, (since + units) % WRAP) == units


def test_every_token_of_a_stream_is_found_once_and_in_order() -> None:
    stamper, reader = Stamper(), StampReader()
    begun = now()
    tokens = [stamper.token() for _ in range(1000)]
    assert {len(token) for token in tokens} == {TOKEN_BYTES}
    stamps = list(reader.read(b"".join(tokens[:600])))
    assert list(reader.read(b"".join(tokens[:600]))) == [], "what is shown again is not new"
    stamps += reader.read(b"".join(tokens))
    assert len(stamps) == 1000
    assert all(elapsed(first, second) > 0 for first, second in itertools.pairwise(stamps))
    assert 0 <= elapsed(begun, stamps[0]) < 10_000 * UNITS_PER_MS
