"""A process can stop at any moment, also while its inbox subscribes anew."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from conversations.runner.cluster import inbox
from conversations.runner.cluster.inbox import Inbox, PeerMessage


class DeafLayer:
    """Takes mail, brings none, and flushes as channels_redis does: it takes every cancellation for its receiver's."""

    def __init__(self) -> None:
        self.flushing = asyncio.Event()

    async def new_channel(self) -> str:
        return "here"

    async def send(self, channel: str, message: PeerMessage) -> None: ...

    async def receive(self, channel: str) -> PeerMessage:
        await asyncio.Event().wait()
        raise AssertionError

    async def group_add(self, group: str, channel: str) -> None: ...

    async def group_send(self, group: str, message: PeerMessage) -> None: ...

    async def flush(self) -> None:
        receiver = asyncio.create_task(asyncio.sleep(60))
        self.flushing.set()
        with suppress(asyncio.CancelledError):
            await receiver


class StubbornLayer(DeafLayer):
    """Its receiver misses the first cancellation, as that of channels_redis may. Messages come once it has ended."""

    def __init__(self) -> None:
        super().__init__()
        self._mail: asyncio.Queue[PeerMessage] = asyncio.Queue()
        self._is_flushed = False

    async def send(self, channel: str, message: PeerMessage) -> None:
        if self._is_flushed:
            self._mail.put_nowait(message)

    async def receive(self, channel: str) -> PeerMessage:
        return await self._mail.get()

    async def flush(self) -> None:
        receiver = asyncio.create_task(self._receive_on())
        await asyncio.sleep(0)
        receiver.cancel()
        with suppress(asyncio.CancelledError):
            await receiver
        self._is_flushed = True

    async def _receive_on(self) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(60)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "ECHO_INTERVAL", 0.01)
    monkeypatch.setattr(inbox, "ECHO_TIMEOUT", 0.02)
    monkeypatch.setattr(inbox, "SEND_TIMEOUT", 0.1)


async def test_it_closes_and_leaves_nothing_behind() -> None:
    layer = DeafLayer()
    box = await Inbox.open(layer)

    def ignore(news: Any) -> None: ...

    box.listen(ignore, ignore)
    await layer.flushing.wait()
    await box.close()
    await asyncio.sleep(0)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert left == set()


async def test_it_hears_again_though_the_receiver_missed_its_cancellation() -> None:
    layer, heard = StubbornLayer(), asyncio.Event()
    box = await Inbox.open(layer)

    def ignore(seconds: float) -> None: ...

    box.listen(lambda mail: heard.set(), ignore)
    other = Inbox(layer, "another process")
    async with asyncio.timeout(30):
        while not heard.is_set():
            await other.send(box.address, {"type": "anything"})
            await asyncio.sleep(0.01)
    await box.close()
