"""Flow control that a client asked for: so many bytes of frames may be under way to it."""

from __future__ import annotations

import asyncio

ALLOWANCE = 100
"""Bytes of the answer to flow.start, which a client may count as taken since then, or not."""


class Window:
    """Counts the bytes sent and those that the client says it has taken, both since the window is open."""

    def __init__(self, size: int) -> None:
        self.size = size - ALLOWANCE
        self._sent = 0
        self._taken = 0
        self._moved = asyncio.Event()

    def acknowledge(self, taken: int) -> None:
        """`taken` in all; it never shrinks, and more than was sent counts as all."""
        self._taken = max(self._taken, min(taken, self._sent))
        self._moved.set()

    def forget(self) -> None:
        """What is under way counts as taken."""
        self.acknowledge(self._sent)

    async def admit(self, frame: str) -> None:
        """Waits for room. A frame that is larger than the window goes when nothing else is under way."""
        size = len(frame) if frame.isascii() else len(frame.encode())
        while self._sent > self._taken and self._sent - self._taken + size > self.size:
            self._moved.clear()
            await self._moved.wait()
        self._sent += size
