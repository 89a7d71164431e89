from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE = 120.0
"""Seconds after which something that should have happened counts as missing."""
POLL = 0.01
SOON = 20.0
"""Seconds, on however slow a machine. What happens only when a lease of LONG_LEASE has ended takes longer."""
LONG_LEASE = {"RUN_HEARTBEAT": "60"}


async def until(holds: Callable[[], bool], what: str) -> None:
    """For what happens in another process, and tells nobody."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"this did not come about: {what}"
        await asyncio.sleep(POLL)
