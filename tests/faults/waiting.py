from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE = 120.0
"""Seconds after which a wait fails."""
POLL = 0.01
MAX_DELAY = 20.0
"""Seconds that are enough on a slow machine, and fewer than until a lease of LONG_LEASE ends."""
LONG_LEASE = {"RUN_HEARTBEAT": "60"}


async def until(holds: Callable[[], bool], what: str) -> None:
    """Polls until `holds()` is true, and fails after PATIENCE seconds. For what happens in another process."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"timed out waiting: {what}"
        await asyncio.sleep(POLL)
