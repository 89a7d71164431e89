"""Two processes' ends of the post, over a layer that a test can look into, hold up and lose mails of."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from channels.layers import InMemoryChannelLayer

from conversations.models import Run
from conversations.queries.catch_up import RunSnapshot
from conversations.runner.cluster.inbox import ECHO, Inbox, PeerMessage
from conversations.runner.cluster.links import Links
from conversations.runner.cluster.replicas import Replicas
from conversations.runs.events import StepGrew, StepStarted
from conversations.runs.live import LiveRun
from tests.faults.waiting import until
from tests.runs.test_cursors_deliver_everything_once import IDENTITY, Follower


class Layer(InMemoryChannelLayer):
    """`sent` has all mail but echoes; `passes` says which of it arrives, `takes` how long that takes, in seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[PeerMessage] = []
        self.passes: Callable[[PeerMessage], bool] = lambda mail: True
        self.takes = 0.0
        self._news = asyncio.Condition()

    async def send(self, channel: str, message: PeerMessage) -> None:
        await asyncio.sleep(self.takes)
        if message["type"] != ECHO:
            async with self._news:
                self.sent.append(message)
                self._news.notify_all()
        if self.passes(message):
            await super().send(channel, message)

    def of(self, kind: str) -> list[PeerMessage]:
        return [mail for mail in self.sent if mail["type"] == kind]

    async def until(self, kind: str, count: int = 1) -> PeerMessage:
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(lambda: len(self.of(kind)) >= count)
        return self.of(kind)[count - 1]


class Ends:
    """An owner of runs, and a process that replicas them. `rows` is what the replicas find in the database."""

    def __init__(self, layer: Layer, here: Inbox, there: Inbox) -> None:
        self.layer = layer
        self.made: dict[str, tuple[LiveRun, int]] = {}
        self.rows: dict[str, RunSnapshot] = {}
        self.deleted: list[LiveRun] = []
        self.looks = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self.here, self.there = here, there
        self.links = Links(here, self.made.get, self._spawn)
        self.replicas = Replicas(there, self._look, self.deleted.append, self._spawn)
        here.listen(self.links.take, lambda seconds: None)
        there.listen(self.replicas.take, lambda seconds: None)

    def make(self, content: str = "") -> tuple[LiveRun, Run]:
        """A run of the owner's, with one step, and its row."""
        identity = replace(IDENTITY, run_id=str(uuid.uuid4()), conversation_id=str(uuid.uuid4()))
        live = LiveRun(identity)
        live.apply(StepStarted(0, 1, "text"))
        if content:
            live.apply(StepGrew(0, content))
        row = Run(pk=uuid.UUID(identity.run_id), owner=self.here.address, attempt=1)
        self.made[identity.run_id] = live, 1
        self.rows[identity.run_id] = RunSnapshot(row, LiveRun(identity))
        return live, row

    def follow(self, row: Run) -> Follower:
        """A client beside the replicas."""
        live = self.replicas.follow(row, LiveRun(self.rows[str(row.pk)].stored.identity))
        follower = Follower(live)
        live.follow(lambda: None)
        return follower

    async def caught_up(self, follower: Follower, text: str) -> None:
        """Once the follower has exactly this text."""

        def has_it() -> bool:
            follower.take()
            return bool(follower.steps.get(0, {}).get("text") == text)

        await until(has_it, "the words that came")

    async def close(self) -> None:
        self.links.close()
        await self.here.close()
        await self.there.close()
        await asyncio.gather(*self._tasks)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self, run_ids: Any) -> dict[str, RunSnapshot]:
        self.looks += 1
        return {run_id: self.rows[run_id] for run_id in run_ids if run_id in self.rows}


@asynccontextmanager
async def both_ends() -> AsyncIterator[Ends]:
    async with joined(Layer()) as ends:
        yield ends


@asynccontextmanager
async def joined(layer: Layer) -> AsyncIterator[Ends]:
    """Two more processes on the same layer."""
    ends = Ends(layer, await Inbox.open(layer), await Inbox.open(layer))
    try:
        yield ends
    finally:
        await ends.close()
