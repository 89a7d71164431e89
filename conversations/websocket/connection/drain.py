"""Back-pressure for clients that do not read, for servers without it.

uvicorn's `send` waits for the client. Daphne's never does and would keep everything in memory, so this registers a push
producer (Twisted's term) with the connection's transport, which pauses it when its buffer reaches 64 KB.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any


class Drain:
    """Knows whether the connection behind Daphne's `send` can take more."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._transport = protocol.transport
        self._ready = asyncio.Event()
        self._ready.set()
        self._transport.unregisterProducer()  # the one of the HTTP channel, from before the upgrade
        self._transport.registerProducer(self, True)

    @property
    def is_gone(self) -> bool:
        """Whether the connection is closed or closing: Daphne would fail to send."""
        return bool(self._protocol.state != self._protocol.STATE_OPEN)

    @property
    def is_ready(self) -> bool:
        return self._ready.is_set()

    async def ready(self) -> None:
        await self._ready.wait()

    def abort(self) -> None:
        """Drops the connection with what is unsent: a close frame would wait behind it."""
        self._transport.abortConnection()

    # Twisted's IPushProducer

    def pauseProducing(self) -> None:  # noqa: N802
        self._ready.clear()

    def resumeProducing(self) -> None:  # noqa: N802
        self._ready.set()

    def stopProducing(self) -> None:  # noqa: N802
        self._ready.set()


def drain_of(send: Any) -> Drain | None:
    """Returns a drain for Daphne's `send`, which is bound to the connection's protocol; None for other servers."""
    protocol = send.args[0] if isinstance(send, partial) and send.args else None
    return Drain(protocol) if hasattr(protocol, "sendMessage") and hasattr(protocol, "transport") else None
