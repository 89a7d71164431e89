"""This process's address among the processes that serve the same conversations, and the messages between them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

logger = logging.getLogger(__name__)

ALL_PROCESSES = "chatsite.processes"
"""The channel layer's group of all processes."""
OPEN_TIMEOUT = 10.0
"""Seconds. Longer than SEND_TIMEOUT, since a process that starts may be busy."""
SEND_TIMEOUT = 2.0
"""Seconds for one call of the channel layer, which would never return while Redis is frozen."""
ECHO_INTERVAL = 1.0
"""Seconds between two echoes, messages that this process sends to itself."""
ECHO_TIMEOUT = 5.0
"""Seconds without an echo, although Redis accepts messages, after which the inbox subscribes again."""

ECHO = "inbox.echo"
OUTAGE = "inbox.outage"
"""The sender could not send for the given number of seconds. Every process gets it, the sender too, since it may have
missed messages as well."""

PeerMessage = dict[str, Any]
"""Has a "type", and "from" with the sender's address."""


class ChannelLayer(Protocol):
    """The methods of a Channels channel layer that the inbox uses."""

    async def new_channel(self) -> str: ...

    async def send(self, channel: str, message: PeerMessage) -> None: ...

    async def receive(self, channel: str) -> PeerMessage: ...

    async def group_add(self, group: str, channel: str) -> None: ...

    async def group_send(self, group: str, message: PeerMessage) -> None: ...

    def flush(self) -> Coroutine[Any, Any, None]: ...


class Inbox:
    """Sends messages to other processes and receives theirs, through a channel layer.

    A message may be lost or late, so a receiver that depends on one also checks the database from time to time.
    One task receives, whatever the layer raises; another one detects by echoes that messages no longer arrive. No
    client connection ever waits for them.
    """

    def __init__(self, layer: ChannelLayer, address: str) -> None:
        self.address = address
        self._layer = layer
        self._on_message: Callable[[PeerMessage], None]
        self._on_outage: Callable[[float], None]
        self._receiving: asyncio.Task[None] | None = None
        self._echoing: asyncio.Task[None] | None = None
        self._flushing: asyncio.Task[None] | None = None
        self._echoes_sent = 0
        self._last_echo = 0
        self._last_echo_at = time.monotonic()
        self._sending_failed_at: float | None = None
        self._unreported_outage = 0.0

    @classmethod
    async def open(cls, layer: ChannelLayer) -> Inbox:
        """Raises the layer's exception, or TimeoutError, if Redis cannot be reached."""
        async with asyncio.timeout(OPEN_TIMEOUT):
            address = await layer.new_channel()
            await layer.group_add(ALL_PROCESSES, address)
        return cls(layer, address)

    def listen(self, on_message: Callable[[PeerMessage], None], on_outage: Callable[[float], None]) -> None:
        """Starts to receive. `on_outage` is called when messages arrive again after some may have been lost, with the
        length of the outage in seconds."""
        self._on_message, self._on_outage = on_message, on_outage
        self._receiving = asyncio.create_task(self._receive())
        self._echoing = asyncio.create_task(self._send_echoes())

    async def close(self) -> None:
        """Ends all tasks, within twice SEND_TIMEOUT. A flush may end by itself, the others are cancelled at once."""
        for task in (self._echoing, self._receiving):
            if task is not None:
                task.cancel()
        pending = {task for task in (self._echoing, self._receiving, self._flushing) if task is not None}
        for _ in range(2):
            if pending:
                _, pending = await asyncio.wait(pending, timeout=SEND_TIMEOUT)
            for task in pending:
                task.cancel()

    async def send(self, address: str, message: PeerMessage) -> bool:
        """Sends to one process. Returns whether the layer accepted the message."""
        return await self._send(self._layer.send(address, {**message, "from": self.address}))

    async def broadcast(self, message: PeerMessage) -> bool:
        """Sends to all other processes. Returns whether the layer accepted the message."""
        return await self._send(self._layer.group_send(ALL_PROCESSES, {**message, "from": self.address}))

    async def _send(self, sending: Awaitable[None]) -> bool:
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await sending
        except Exception as error:
            if self._sending_failed_at is None:
                self._sending_failed_at = time.monotonic()
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
        """Ignores this process's own broadcasts."""
        if message["type"] == OUTAGE:
            self._on_outage(message["seconds"])
        elif message["from"] != self.address:
            self._on_message(message)
        elif message["type"] == ECHO:
            self._receive_echo(message["number"])

    async def _send_echoes(self) -> None:
        while True:
            self._echoes_sent += 1
            accepted = await self.send(self.address, {"type": ECHO, "number": self._echoes_sent})
            if self._unreported_outage and await self.broadcast({"type": OUTAGE, "seconds": self._unreported_outage}):
                self._unreported_outage = 0.0
            await asyncio.sleep(ECHO_INTERVAL)
            if accepted and time.monotonic() - self._last_echo_at > ECHO_TIMEOUT:
                await self._resubscribe()

    def _receive_echo(self, number: int) -> None:
        now = time.monotonic()
        if number > self._last_echo + 1:
            self._on_outage(now - self._last_echo_at)
        if self._sending_failed_at is not None:
            logger.info("Redis accepts messages to other processes again")
            self._unreported_outage += now - self._sending_failed_at
            self._sending_failed_at = None
        self._last_echo, self._last_echo_at = number, now

    async def _resubscribe(self) -> None:
        """Opens a new connection to receive by: the old one is dead, but nothing has reported that."""
        logger.warning("no messages arrive although Redis answers: subscribing again")
        self._last_echo_at = time.monotonic()
        try:
            # First, because a cancelled `receive` unsubscribes over the connection that the layer is about to reopen.
            await self._flush()
            if self._receiving is not None:
                self._receiving.cancel()
            self._receiving = asyncio.create_task(self._receive())
            await asyncio.sleep(0)  # lets `receive` register the channel, without which it cannot be added to a group
            async with asyncio.timeout(SEND_TIMEOUT):
                await self._layer.group_add(ALL_PROCESSES, self.address)
        except Exception as error:
            logger.warning("subscribing again failed: %r", error)

    async def _flush(self) -> None:
        """Closes the layer's connections, in a task that `close` can wait for. Raises TimeoutError.

        The layer holds its lock until its receiver has ended, and the receiver may miss a cancellation: in Python 3.11,
        `asyncio.wait_for`, which redis-py uses, can swallow one. Cancelling the flush cancels the receiver again.
        """
        self._flushing = asyncio.create_task(self._layer.flush())
        while not self._flushing.done():
            await asyncio.wait([self._flushing], timeout=SEND_TIMEOUT)
            self._flushing.cancel()
        if self._flushing.cancelled():
            raise TimeoutError
        self._flushing.result()
