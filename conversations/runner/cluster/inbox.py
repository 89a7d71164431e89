"""This process's address among the processes that serve the same conversations."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

logger = logging.getLogger(__name__)

EVERYBODY = "chatsite.processes"
OPEN_SECONDS = 10.0
"""How long Redis may take when a process starts, which may have much to do then."""
SEND_SECONDS = 2.0
"""How long the layer may take for one mail: with Redis frozen it would never come back."""
CALL_SECONDS = 1.0
"""Between two mails to ourselves."""
DEAF_SECONDS = 5.0
"""Without our own mail, though it was taken, after which we subscribe anew."""

ECHO = "mail.echo"
LOST = "mail.lost"
"""That we could not send for so many seconds; to everybody, ourselves included: we may have heard nothing either."""

Mail = dict[str, Any]


class Layer(Protocol):
    """What is used of a channel layer."""

    async def new_channel(self) -> str: ...

    async def send(self, channel: str, message: Mail) -> None: ...

    async def receive(self, channel: str) -> Mail: ...

    async def group_add(self, group: str, channel: str) -> None: ...

    async def group_send(self, group: str, message: Mail) -> None: ...

    def flush(self) -> Coroutine[Any, Any, None]: ...


Deliver = Callable[[Mail], None]
Missed = Callable[[float], None]


class Inbox:
    """Mail is a nudge: it may be lost or late, and whoever depends on what it says looks for himself now and then.

    One task listens, whatever the layer throws; another sees to it that mail comes, by mail to ourselves. No connection
    of a client ever waits for them.
    """

    def __init__(self, layer: Layer, address: str) -> None:
        self.address = address
        self._layer = layer
        self._deliver: Deliver = _ignore
        self._missed: Missed = _ignore
        self._listening: asyncio.Task[None] | None = None
        self._calling: asyncio.Task[None] | None = None
        self._flushing: asyncio.Task[None] | None = None
        self._heard = time.monotonic()
        self._called = 0
        self._echo = 0
        self._failing_since: float | None = None
        self._unheard = 0.0

    @classmethod
    async def open(cls, layer: Layer) -> Inbox:
        """Raises what the layer does, if it cannot be reached."""
        async with asyncio.timeout(OPEN_SECONDS):
            address = await layer.new_channel()
            await layer.group_add(EVERYBODY, address)
        return cls(layer, address)

    def listen(self, deliver: Deliver, missed: Missed) -> None:
        """`missed` is called when mail may have been lost and comes again: for how many seconds it did not."""
        self._deliver, self._missed = deliver, missed
        self._listening = asyncio.create_task(self._listen())
        self._calling = asyncio.create_task(self._call_ourselves())

    async def close(self) -> None:
        for task in (self._calling, self._listening):
            if task is not None:
                task.cancel()
        left = {task for task in (self._calling, self._listening, self._flushing) if task is not None}
        if left:
            _, left = await asyncio.wait(left, timeout=SEND_SECONDS)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=SEND_SECONDS)

    async def send(self, address: str, mail: Mail) -> bool:
        """To one process; whether the layer took it."""
        return await self._try(self._layer.send(address, {**mail, "from": self.address}))

    async def broadcast(self, mail: Mail) -> bool:
        """To all other processes; whether the layer took it."""
        return await self._try(self._layer.group_send(EVERYBODY, {**mail, "from": self.address}))

    async def _try(self, sending: Awaitable[None]) -> bool:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await sending
        except Exception as error:
            if self._failing_since is None:
                self._failing_since = time.monotonic()
                logger.warning("Redis takes no mail to other processes; what is made here goes on: %r", error)
            return False
        return True

    async def _listen(self) -> None:
        while True:
            try:
                mail = await self._layer.receive(self.address)
            except Exception as error:
                logger.warning("mail of other processes does not come: %r", error)
                await asyncio.sleep(CALL_SECONDS)
                continue
            try:
                self._take(mail)
            except Exception:
                logger.exception("mail could not be read: %s", mail.get("type"))

    def _take(self, mail: Mail) -> None:
        if mail["type"] == LOST:
            self._missed(mail["seconds"])
        elif mail["from"] != self.address:
            self._deliver(mail)
        elif mail["type"] == ECHO:
            self._take_echo(mail["number"])

    async def _call_ourselves(self) -> None:
        while True:
            self._called += 1
            taken = await self.send(self.address, {"type": ECHO, "number": self._called})
            if self._unheard and await self.broadcast({"type": LOST, "seconds": self._unheard}):
                self._unheard = 0.0
            await asyncio.sleep(CALL_SECONDS)
            if taken and time.monotonic() - self._heard > DEAF_SECONDS:
                await self._subscribe_anew()

    def _take_echo(self, number: int) -> None:
        now = time.monotonic()
        if number > self._echo + 1:
            self._missed(now - self._heard)
        if self._failing_since is not None:
            logger.info("Redis takes mail to other processes again")
            self._unheard += now - self._failing_since
            self._failing_since = None
        self._echo, self._heard = number, now

    async def _subscribe_anew(self) -> None:
        """Redis takes our mail and gives us none: the connection by which it came is dead, and does not know it."""
        logger.warning("mail of other processes does not come, though Redis answers: subscribing anew")
        self._heard = time.monotonic()
        if self._listening is not None:
            self._listening.cancel()
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._flush()
                self._listening = asyncio.create_task(self._listen())
                await asyncio.sleep(0)  # it has asked for the channel, which can only then be in a group
                await self._layer.group_add(EVERYBODY, self.address)
        except Exception as error:
            logger.warning("subscribing anew failed: %r", error)

    async def _flush(self) -> None:
        """In a task of its own, which a stop lets end: channels_redis takes the cancellation of who flushes for that of
        its receiver, and closes its connections in it."""
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._layer.flush())
        await asyncio.shield(self._flushing)


def _ignore(news: object) -> None:
    """Nobody listens yet."""
