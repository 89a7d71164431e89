"""Back-pressure from a client that does not read, where the server has none of its own.

uvicorn's `send` waits for the client by itself. Daphne's never does: it would keep everything in memory. So the
connection's transport is asked to say when its buffer is full (Twisted's push producers), which it does at 64 KB.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any


class Drain:
    """Says when the connection behind Daphne's `send` takes more."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._transport = protocol.transport
        self._ready = asyncio.Event()
        self._ready.set()
        self._transport.unregisterProducer()  # the HTTP channel's own, of before the upgrade
        self._transport.registerProducer(self, True)

    @property
    def is_gone(self) -> bool:
        """Whether the connection is closed, or closing: Daphne would fail to send anything."""
        return bool(self._protocol.state != self._protocol.STATE_OPEN)

    @property
    def is_ready(self) -> bool:
        return self._ready.is_set()

    async def ready(self) -> None:
        await self._ready.wait()

    def abort(self) -> None:
        """Drops the connection and what was not taken: a close frame would wait behind it."""
        self._transport.abortConnection()

    # Twisted's IPushProducer

    def pauseProducing(self) -> None:  # noqa: N802
        self._ready.clear()

    def resumeProducing(self) -> None:  # noqa: N802
        self._ready.set()

    def stopProducing(self) -> None:  # noqa: N802
        self._ready.set()


def drain_of(send: Any) -> Drain | None:
    """For Daphne's `send`, which is bound to the connection's protocol; None for servers that wait by themselves."""
    protocol = send.args[0] if isinstance(send, partial) and send.args else None
    return Drain(protocol) if hasattr(protocol, "sendMessage") and hasattr(protocol, "transport") else None
