"""An inbox that gets no messages resubscribes, and can be closed at any time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from conversations.runner.cluster import inbox
from conversations.runner.cluster.inbox import Inbox, PeerMessage


class SilentLayer:
    """Delivers no messages. As in channels_redis, `flush` mistakes its own cancellation for that of its receiver."""

    def __init__(self) -> None:
        self.flushing = asyncio.Event()

    async def new_channel(self) -> str:
        return "own"

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


class LateCancellationLayer(SilentLayer):
    """Its receiver misses the first cancellation, as in channels_redis. Delivers once the receiver has ended."""

    def __init__(self) -> None:
        super().__init__()
        self._messages: asyncio.Queue[PeerMessage] = asyncio.Queue()
        self._is_flushed = False

    async def send(self, channel: str, message: PeerMessage) -> None:
        if self._is_flushed:
            self._messages.put_nowait(message)

    async def receive(self, channel: str) -> PeerMessage:
        return await self._messages.get()

    async def flush(self) -> None:
        receiver = asyncio.create_task(self._receive())
        await asyncio.sleep(0)
        receiver.cancel()
        with suppress(asyncio.CancelledError):
            await receiver
        self._is_flushed = True

    async def _receive(self) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(60)


@pytest.fixture(autouse=True)
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "ECHO_INTERVAL", 0.01)
    monkeypatch.setattr(inbox, "ECHO_TIMEOUT", 0.02)
    monkeypatch.setattr(inbox, "SEND_TIMEOUT", 0.1)


async def test_closing_during_a_resubscription_leaves_no_tasks_behind() -> None:
    layer = SilentLayer()
    own_inbox = await Inbox.open(layer)

    def ignore(value: Any) -> None: ...

    own_inbox.listen(ignore, ignore)
    await layer.flushing.wait()
    await own_inbox.close()
    await asyncio.sleep(0)
    remaining = asyncio.all_tasks() - {asyncio.current_task()}
    assert remaining == set()


async def test_messages_arrive_again_although_the_receiver_missed_its_cancellation() -> None:
    layer, received = LateCancellationLayer(), asyncio.Event()
    own_inbox = await Inbox.open(layer)

    def ignore(seconds: float) -> None: ...

    own_inbox.listen(lambda message: received.set(), ignore)
    peer_inbox = Inbox(layer, "another process")
    async with asyncio.timeout(30):
        while not received.is_set():
            await peer_inbox.send(own_inbox.address, {"type": "anything"})
            await asyncio.sleep(0.01)
    await own_inbox.close()
