"""Two linked processes over a channel layer whose messages a test can inspect, delay and drop."""

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
from tests.runs.live_runs import IDENTITY, Follower


class ControlledLayer(InMemoryChannelLayer):
    """Records every message but echoes in `sent`, waits `delay` seconds, and delivers those that `delivers` accepts."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[PeerMessage] = []
        self.delivers: Callable[[PeerMessage], bool] = lambda message: True
        self.delay = 0.0
        self._sent_changed = asyncio.Condition()

    async def send(self, channel: str, message: PeerMessage) -> None:
        await asyncio.sleep(self.delay)
        if message["type"] != ECHO:
            async with self._sent_changed:
                self.sent.append(message)
                self._sent_changed.notify_all()
        if self.delivers(message):
            await super().send(channel, message)

    def of_type(self, kind: str) -> list[PeerMessage]:
        return [message for message in self.sent if message["type"] == kind]

    async def until(self, kind: str, count: int = 1) -> PeerMessage:
        async with asyncio.timeout(30), self._sent_changed:
            await self._sent_changed.wait_for(lambda: len(self.of_type(kind)) >= count)
        return self.of_type(kind)[count - 1]


class TwoProcesses:
    """A process that owns runs and one with replicas of them. `snapshots` stands for the database of the replicas."""

    def __init__(self, layer: ControlledLayer, owner_inbox: Inbox, replica_inbox: Inbox) -> None:
        self.layer = layer
        self.runs: dict[str, tuple[LiveRun, int]] = {}
        self.snapshots: dict[str, RunSnapshot] = {}
        self.deleted: list[LiveRun] = []
        self.snapshot_reads = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self.owner_inbox, self.replica_inbox = owner_inbox, replica_inbox
        self.links = Links(owner_inbox, self.runs.get, self._spawn)
        self.replicas = Replicas(replica_inbox, self._read_snapshots, self.deleted.append, self._spawn)
        owner_inbox.listen(self.links.receive, lambda seconds: None)
        replica_inbox.listen(self.replicas.receive, lambda seconds: None)

    def create_run(self, content: str = "") -> tuple[LiveRun, Run]:
        """Returns a new run of the owner, with one step, and its row."""
        identity = replace(IDENTITY, run_id=str(uuid.uuid4()), conversation_id=str(uuid.uuid4()))
        live = LiveRun(identity)
        live.apply(StepStarted(0, 1, "text"))
        if content:
            live.apply(StepGrew(0, content))
        row = Run(pk=uuid.UUID(identity.run_id), owner=self.owner_inbox.address, attempt=1)
        self.runs[identity.run_id] = live, 1
        self.snapshots[identity.run_id] = RunSnapshot(row, LiveRun(identity))
        return live, row

    def follow(self, row: Run) -> Follower:
        """Returns a client that follows the run in the process with the replicas."""
        live = self.replicas.follow(row, LiveRun(self.snapshots[str(row.pk)].stored.identity))
        follower = Follower(live)
        live.follow(lambda: None)
        return follower

    async def until_text_is(self, follower: Follower, text: str) -> None:
        """Waits until the follower has exactly this text in its first step."""

        def has_text() -> bool:
            follower.take()
            return bool(follower.steps.get(0, {}).get("text") == text)

        await until(has_text, "the follower has the text")

    async def close(self) -> None:
        self.links.close()
        await self.owner_inbox.close()
        await self.replica_inbox.close()
        await asyncio.gather(*self._tasks)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read_snapshots(self, run_ids: Any) -> dict[str, RunSnapshot]:
        self.snapshot_reads += 1
        return {run_id: self.snapshots[run_id] for run_id in run_ids if run_id in self.snapshots}


@asynccontextmanager
async def two_processes() -> AsyncIterator[TwoProcesses]:
    async with two_processes_on(ControlledLayer()) as pair:
        yield pair


@asynccontextmanager
async def two_processes_on(layer: ControlledLayer) -> AsyncIterator[TwoProcesses]:
    """Opens two processes on the layer, which others may share."""
    pair = TwoProcesses(layer, await Inbox.open(layer), await Inbox.open(layer))
    try:
        yield pair
    finally:
        await pair.close()
