"""The address of this process, at which it receives messages from the other processes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

logger = logging.getLogger(__name__)

ALL_PROCESSES = "chatsite.processes"
OPEN_TIMEOUT = 10.0
"""Seconds that Redis may take when a process starts."""
SEND_TIMEOUT = 2.0
"""Seconds that the layer may take for one message: with a frozen Redis it would never return."""
ECHO_INTERVAL = 1.0
"""Seconds between two messages to ourselves."""
ECHO_TIMEOUT = 5.0
"""Seconds without our own message, although the layer accepted it, after which the inbox subscribes again."""

ECHO = "inbox.echo"
LOST = "inbox.lost"
"""Tells all processes, this one included, for how many seconds nothing could be sent: messages may be lost."""

PeerMessage = dict[str, Any]


class Layer(Protocol):
    """The part of a channel layer that an inbox uses."""

    async def new_channel(self) -> str: ...

    async def send(self, channel: str, message: PeerMessage) -> None: ...

    async def receive(self, channel: str) -> PeerMessage: ...

    async def group_add(self, group: str, channel: str) -> None: ...

    async def group_send(self, group: str, message: PeerMessage) -> None: ...

    def flush(self) -> Coroutine[Any, Any, None]: ...


Deliver = Callable[[PeerMessage], None]
Missed = Callable[[float], None]


class Inbox:
    """Receives and sends messages. They are only nudges: a message may be lost or late.

    One task receives, whatever exceptions the layer raises; another one checks by messages to ourselves that messages
    arrive. No client connection ever waits for them.
    """

    def __init__(self, layer: Layer, address: str) -> None:
        self.address = address
        self._layer = layer
        self._deliver: Deliver = _ignore
        self._missed: Missed = _ignore
        self._receiving: asyncio.Task[None] | None = None
        self._echoing: asyncio.Task[None] | None = None
        self._flushing: asyncio.Task[None] | None = None
        self._echoed_at = time.monotonic()
        self._echoes_sent = 0
        self._last_echo = 0
        self._failing_since: float | None = None
        self._seconds_failed = 0.0

    @classmethod
    async def open(cls, layer: Layer) -> Inbox:
        """Opens an inbox. Raises what the layer raises if it cannot be reached."""
        async with asyncio.timeout(OPEN_TIMEOUT):
            address = await layer.new_channel()
            await layer.group_add(ALL_PROCESSES, address)
        return cls(layer, address)

    def listen(self, deliver: Deliver, missed: Missed) -> None:
        """Starts to receive. `missed` is called with the seconds in which messages may have been lost."""
        self._deliver, self._missed = deliver, missed
        self._receiving = asyncio.create_task(self._receive())
        self._echoing = asyncio.create_task(self._send_echoes())

    async def close(self) -> None:
        for task in (self._echoing, self._receiving):
            if task is not None:
                task.cancel()
        left = {task for task in (self._echoing, self._receiving, self._flushing) if task is not None}
        if left:
            _, left = await asyncio.wait(left, timeout=SEND_TIMEOUT)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=SEND_TIMEOUT)

    async def send(self, address: str, message: PeerMessage) -> bool:
        """Sends to one process. Returns whether the layer accepted it."""
        return await self._try(self._layer.send(address, {**message, "from": self.address}))

    async def broadcast(self, message: PeerMessage) -> bool:
        """Sends to all other processes. Returns whether the layer accepted it."""
        return await self._try(self._layer.group_send(ALL_PROCESSES, {**message, "from": self.address}))

    async def _try(self, sending: Awaitable[None]) -> bool:
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await sending
        except Exception as error:
            if self._failing_since is None:
                self._failing_since = time.monotonic()
                logger.warning("Redis accepts no messages to other processes; runs of this process go on: %r", error)
            return False
        return True

    async def _receive(self) -> None:
        while True:
            try:
                message = await self._layer.receive(self.address)
            except Exception as error:
                logger.warning("messages from other processes cannot be received: %r", error)
                await asyncio.sleep(ECHO_INTERVAL)
                continue
            try:
                self._dispatch(message)
            except Exception:
                logger.exception("a message could not be handled: %s", message.get("type"))

    def _dispatch(self, message: PeerMessage) -> None:
        if message["type"] == LOST:
            self._missed(message["seconds"])
        elif message["from"] != self.address:
            self._deliver(message)
        elif message["type"] == ECHO:
            self._on_last_echo(message["number"])

    async def _send_echoes(self) -> None:
        while True:
            self._echoes_sent += 1
            taken = await self.send(self.address, {"type": ECHO, "number": self._echoes_sent})
            if self._seconds_failed and await self.broadcast({"type": LOST, "seconds": self._seconds_failed}):
                self._seconds_failed = 0.0
            await asyncio.sleep(ECHO_INTERVAL)
            if taken and time.monotonic() - self._echoed_at > ECHO_TIMEOUT:
                await self._resubscribe()

    def _on_last_echo(self, number: int) -> None:
        now = time.monotonic()
        if number > self._last_echo + 1:
            self._missed(now - self._echoed_at)
        if self._failing_since is not None:
            logger.info("Redis accepts messages to other processes again")
            self._seconds_failed += now - self._failing_since
            self._failing_since = None
        self._last_echo, self._echoed_at = number, now

    async def _resubscribe(self) -> None:
        """Redis accepts our messages but delivers none: the subscribing connection is dead, and does not know it."""
        logger.warning("no messages arrive although Redis answers: subscribing again")
        self._echoed_at = time.monotonic()
        try:
            # First, as the layer otherwise unsubscribes the channel over the connection that its receiver reopens.
            await self._flush()
            if self._receiving is not None:
                self._receiving.cancel()
            self._receiving = asyncio.create_task(self._receive())
            await asyncio.sleep(0)  # it has asked for the channel, which can only then be in a group
            async with asyncio.timeout(SEND_TIMEOUT):
                await self._layer.group_add(ALL_PROCESSES, self.address)
        except Exception as error:
            logger.warning("subscribing again failed: %r", error)

    async def _flush(self) -> None:
        """Closes the layer's connections, in a task of its own, which `close` lets end.

        The layer holds a lock until its receiver has ended, which may miss a cancellation: in Python 3.11 `wait_for`,
        by which redis-py sends, does. Cancelling the flush cancels the receiver again. Raises TimeoutError if the flush
        did not come to that.
        """
        self._flushing = asyncio.create_task(self._layer.flush())
        while not self._flushing.done():
            await asyncio.wait([self._flushing], timeout=SEND_TIMEOUT)
            self._flushing.cancel()
        if self._flushing.cancelled():
            raise TimeoutError
        self._flushing.result()


def _ignore(news: object) -> None:
    """Does nothing, until somebody listens."""
