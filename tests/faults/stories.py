"""What becomes of runs whose server is killed at some point, and started again."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from tests.faults.cluster import Cluster
from tests.faults.deployment import Deployment
from tests.faults.points import FINAL, Point, Script
from tests.faults.process import ServerProcess
from tests.faults.stored import Entry
from tests.faults.waiting import LONG_LEASE, until
from tests.faults.watcher import Watcher
from tests.modelserver import model_server

Sent = dict[str, Any]
"""What message.send gave."""
LONGEST = 900
"""Seconds that it all may take."""
OF_THE_RUN = ("conversation_id", "run_id")
"""Fields that a step has on the wire alone."""


@dataclass
class Story:
    """What became of one run."""

    point: Point
    watchers: list[Watcher]
    message: dict[str, Any]
    """The answer as conversation.get gives it."""
    asked: int
    """How often the model was, in all."""
    ledger: list[Entry]
    since: float
    """On the monotonic clock: when it was to go on."""

    def assert_it_arrived(self) -> None:
        assert (self.message["status"], self.message["content"]["text"]) == ("complete", FINAL)

    def assert_who_watched_has_what_is_stored(self) -> None:
        for watcher in self.watchers:
            assert watcher.end["method"] == "done"
            shown = [{name: step[name] for name in step if name not in OF_THE_RUN} for step in watcher.steps]
            assert shown == self.message["content"]["steps"]

    def assert_no_finished_model_call_was_made_again(self) -> None:
        assert self.asked == len(self.point.replies)

    def assert_it_is_said_what_nobody_knows(self) -> None:
        results = [step for step in self.message["content"]["steps"] if step["type"] == "tool_result"]
        unknown = [result for result in results if "not known" in result["content"]]
        assert len(unknown) == self.point.unknown
        assert all(result["success"] != (result in unknown) for result in results)

    def assert_the_ledger_is_complete(self) -> None:
        """It has every call, and the stored words of the one that was cut."""
        counted = [(entry.attempt, entry.iteration, entry.estimated) for entry in self.ledger]
        assert counted == list(self.point.ledger)
        assert sum(entry.completion_tokens for entry in self.ledger if entry.estimated) == self.point.cut_tokens
        total = sum(entry.completion_tokens for entry in self.ledger)
        assert all(watcher.end["params"]["completion_tokens"] == total for watcher in self.watchers)


@dataclass
class Aftermath:
    stories: dict[Point, Story] = field(default_factory=dict)
    written: Counter[str] = field(default_factory=Counter)
    """The files that tools have written, and how often each."""


def once(do: Callable[[str], Aftermath]) -> Callable[[str], Aftermath]:
    """Does each deed once, and tells again what came of it, also if it failed."""
    done: dict[str, Future[Aftermath]] = {}

    def after(deed: str) -> Aftermath:
        if deed not in done:
            done[deed] = Future()
            try:
                done[deed].set_result(do(deed))
            except Exception as error:
                done[deed].set_exception(error)
        return done[deed].result()

    return after


async def kill_all_at_once(deployment: Deployment, points: Sequence[Point], *, watched: bool) -> Aftermath:
    """One run for each point, all in a server that is killed when every one is there."""
    script = Script({point.name: point.replies for point in points})
    async with (
        model_server(script) as model,
        deployment.server(model, **LONG_LEASE) as server,
        asyncio.timeout(LONGEST),
    ):
        act = Act(deployment, server, script)
        await server.start()
        sent = await act.ask_all(points)
        watchers = {point: await act.watch(sent[point]) for point in points if watched}
        for point in points:
            await act.reach(point, sent[point])
        server.kill()
        restarted_at = await server.start()
        await deployment.stored.all_ended()
        for point in points:
            watching = watchers.get(point) or await act.watch(sent[point])
            await act.tell(point, sent[point], watching, restarted_at)
        return act.aftermath()


async def kill_one_by_one(deployment: Deployment, points: Sequence[Point]) -> Aftermath:
    """A server that is killed and started again for each point, with a client connected."""
    script = Script({point.name: point.replies for point in points})
    async with (
        model_server(script) as model,
        deployment.server(model, **LONG_LEASE) as server,
        asyncio.timeout(LONGEST),
    ):
        act = Act(deployment, server, script)
        await server.start()
        for point in points:
            sent = await act.ask(point)
            watchers = await act.watch(sent)
            await act.reach(point, sent)
            server.kill()
            await act.tell(point, sent, watchers, await server.start())
        return act.aftermath()


async def kill_the_owner_of_all(cluster: Cluster, points: Sequence[Point]) -> Aftermath:
    """One run for each point, all made by one process of two, which is killed when every one is there, and not started
    again. Each is watched on both: who was connected to the one that is killed comes to the other."""
    script = Script({point.name: point.replies for point in points})
    async with (
        model_server(script) as model,
        cluster.server(model) as owner,
        cluster.server(model) as other,
        asyncio.timeout(LONGEST),
    ):
        act = Act(cluster, owner, script, other)
        await asyncio.gather(owner.start(), other.start())
        sent = await act.ask_all(points)
        watchers = {point: await act.watch(sent[point]) for point in points}
        for point in points:
            await act.reach(point, sent[point])
        owner.kill()
        killed_at = time.monotonic()
        for point in points:
            await act.tell(point, sent[point], watchers[point], killed_at)
        return act.aftermath()


async def kill_the_owner_of_each(cluster: Cluster, points: Sequence[Point]) -> Aftermath:
    """Two processes, of which the one is killed that makes the run, and started again for the next point."""
    script = Script({point.name: point.replies for point in points})
    async with (
        model_server(script) as model,
        cluster.server(model) as owner,
        cluster.server(model) as other,
        asyncio.timeout(LONGEST),
    ):
        act = Act(cluster, owner, script, other)
        await asyncio.gather(owner.start(), other.start())
        for point in points:
            sent = await act.ask(point)
            watchers = await act.watch(sent)
            await act.reach(point, sent)
            owner.kill()
            await act.tell(point, sent, watchers, time.monotonic())
            await owner.start()
        return act.aftermath()


async def pause_the_owner_of_all(cluster: Cluster, points: Sequence[Point]) -> Aftermath:
    """One run for each point, all made by a process that is stopped when every one is there, and goes on when the other
    one has made all of them."""
    script = Script({point.name: point.replies for point in points})
    async with (
        model_server(script) as model,
        cluster.server(model) as owner,
        cluster.server(model) as other,
        asyncio.timeout(LONGEST),
    ):
        act = Act(cluster, owner, script, other)
        await asyncio.gather(owner.start(), other.start())
        sent = await act.ask_all(points)
        watchers = {point: await act.watch(sent[point]) for point in points}
        for point in points:
            await act.reach(point, sent[point])
        owner.stop()
        stopped_at = time.monotonic()
        await cluster.stored.all_ended()
        owner.resume()
        owner.let_go()
        for point in points:
            await act.tell(point, sent[point], watchers[point], stopped_at)
        owner.terminate()  # it ends by itself, so whatever it would still have done is done
        await owner.ended()
        return act.aftermath()


class Act:
    """`other` is a process that goes on when the server is killed."""

    def __init__(
        self,
        deployment: Deployment | Cluster,
        server: ServerProcess,
        script: Script,
        other: ServerProcess | None = None,
    ) -> None:
        self._deployment, self._server, self._script, self._other = deployment, server, script, other
        self._stories: dict[Point, Story] = {}

    async def ask_all(self, points: Sequence[Point]) -> dict[Point, Sent]:
        return {point: await self.ask(point) for point in points}

    async def ask(self, point: Point) -> Sent:
        if point.gate:
            point.gate.close()
        if point.place:
            self._server.hold(point.place)
        async with self._deployment.client(self._server) as ada:
            created = (await ada.call("conversation.create"))["conversation"]
            workspace = self._server.var_dir / "workspaces" / "conversations" / created["id"]
            workspace.mkdir(parents=True)
            (workspace / "reading.txt").write_text("read me")
            return await ada.call("message.send", text=point.name, conversation_id=created["id"])

    async def watch(self, sent: Sent) -> list[Watcher]:
        """On each process; returns once they are connected."""
        if self._other is None or isinstance(self._deployment, Deployment):
            watchers = [self._deployment.watch(self._server, sent)]
        else:
            here = self._deployment.watch(self._server, sent, self._other)
            watchers = [here, self._deployment.watch(self._other, sent)]
        for watcher in watchers:
            await watcher.subscribed()
        return watchers

    async def reach(self, point: Point, sent: Sent) -> None:
        """Returns when the run has come to the point."""
        await until(lambda: self._script.asked[point.name] == point.called, f"{point}: the model was asked")
        stored, run_id = self._deployment.stored, sent["run_id"]
        await until(lambda: point.is_stored(stored.steps(run_id), stored.ledger(run_id)), f"{point}: it is stored")
        if point.gate:
            point.gate.open()
        if point.place:
            await self._server.reached(point.place)

    async def tell(self, point: Point, sent: Sent, watchers: list[Watcher], since: float) -> None:
        for watcher in watchers:
            await watcher.ended()
        async with self._deployment.client(self._other or self._server) as ada:
            got = await ada.call("conversation.get", conversation_id=sent["conversation_id"])
        assert got["run"] is None
        _, message = got["messages"]
        ledger = self._deployment.stored.ledger(sent["run_id"])
        self._stories[point] = Story(point, watchers, message, self._script.asked[point.name], ledger, since)

    def aftermath(self) -> Aftermath:
        written = (self._server.var_dir / "effects").read_text().split()
        return Aftermath(self._stories, Counter(written))
