from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE = 120.0
"""Seconds after which something that should have happened counts as missing."""
POLL = 0.01
SAMPLE = 0.5
"""Seconds of work: so much that other programs have their turn meanwhile."""


async def until(holds: Callable[[], bool], what: str) -> None:
    """For what happens in another process, and tells nobody."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"this did not come about: {what}"
        await asyncio.sleep(POLL)


def slowness() -> float:
    """Seconds that pass here for one of work: more than one while other programs take the processors, too."""
    began, worked = time.perf_counter(), time.process_time()
    while time.process_time() < worked + SAMPLE:
        pass
    return max(1.0, (time.perf_counter() - began) / SAMPLE)
