"""Flow control at a client's request: limits the bytes of frames that are sent but not acknowledged."""

from __future__ import annotations

import asyncio

START_RESPONSE_BYTES = 100
"""Of the response to flow.start, which a client may or may not count as taken."""


class Window:
    """Counts the bytes sent and those acknowledged, both since flow control started. `size` is in bytes."""

    def __init__(self, size: int) -> None:
        self.size = size - START_RESPONSE_BYTES
        self._sent = 0
        self._taken = 0
        self._acknowledged = asyncio.Event()

    def acknowledge(self, taken: int) -> None:
        """The client has taken `taken` bytes in all; a smaller number is ignored, a larger one counts as all sent."""
        self._taken = max(self._taken, min(taken, self._sent))
        self._acknowledged.set()

    def forget(self) -> None:
        """Counts everything sent as acknowledged."""
        self.acknowledge(self._sent)

    async def admit(self, frame: str) -> None:
        """Waits until the frame fits. A frame larger than the window is admitted when all others are acknowledged."""
        size = len(frame) if frame.isascii() else len(frame.encode())
        while self._sent > self._taken and self._sent - self._taken + size > self.size:
            self._acknowledged.clear()
            await self._acknowledged.wait()
        self._sent += size
