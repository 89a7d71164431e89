"""A process can stop at any moment, also while its inbox subscribes anew."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from conversations.runner.cluster import inbox
from conversations.runner.cluster.inbox import Inbox, Mail


class DeafLayer:
    """Takes mail, brings none, and flushes as channels_redis does: it takes every cancellation for its receiver's."""

    def __init__(self) -> None:
        self.flushing = asyncio.Event()

    async def new_channel(self) -> str:
        return "here"

    async def send(self, channel: str, message: Mail) -> None: ...

    async def receive(self, channel: str) -> Mail:
        await asyncio.Event().wait()
        raise AssertionError

    async def group_add(self, group: str, channel: str) -> None: ...

    async def group_send(self, group: str, message: Mail) -> None: ...

    async def flush(self) -> None:
        receiver = asyncio.create_task(asyncio.sleep(60))
        self.flushing.set()
        with suppress(asyncio.CancelledError):
            await receiver


async def test_it_closes_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "CALL_SECONDS", 0.01)
    monkeypatch.setattr(inbox, "DEAF_SECONDS", 0.02)
    monkeypatch.setattr(inbox, "SEND_SECONDS", 0.1)
    layer = DeafLayer()
    box = await Inbox.open(layer)

    def ignore(news: Any) -> None: ...

    box.listen(ignore, ignore)
    await layer.flushing.wait()
    await box.close()
    await asyncio.sleep(0)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert left == set()
