"""Runs a question for each point, interrupts the server there, and collects the results."""

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
from tests.faults.points import FINAL, Point, ScriptedModel
from tests.faults.process import ServerProcess
from tests.faults.stored import LedgerEntry
from tests.faults.waiting import LONG_LEASE, until
from tests.faults.watcher import Watcher
from tests.modelserver import model_server

Sent = dict[str, Any]
"""The result of message.send."""
MAX_DURATION = 900
"""Seconds that a scenario may take in all."""
WIRE_ONLY_FIELDS = ("conversation_id", "run_id")
"""Fields that a step has in notifications but not in conversation.get."""


@dataclass
class RunResult:
    """The result of one interrupted run."""

    point: Point
    watchers: list[Watcher]
    message: dict[str, Any]
    """The answer as conversation.get returns it."""
    model_calls: int
    """The number of calls to the model in all."""
    ledger: list[LedgerEntry]
    since: float
    """The time of the monotonic clock from which the run was expected to continue."""

    def assert_answer_is_complete(self) -> None:
        assert (self.message["status"], self.message["content"]["text"]) == ("complete", FINAL)

    def assert_watchers_have_the_stored_steps(self) -> None:
        for watcher in self.watchers:
            assert watcher.end["method"] == "done"
            shown = [{name: step[name] for name in step if name not in WIRE_ONLY_FIELDS} for step in watcher.steps]
            assert shown == self.message["content"]["steps"]

    def assert_finished_model_calls_are_not_repeated(self) -> None:
        assert self.model_calls == len(self.point.replies)

    def assert_unknown_outcomes_are_reported(self) -> None:
        results = [step for step in self.message["content"]["steps"] if step["type"] == "tool_result"]
        unknown = [result for result in results if "not known" in result["content"]]
        assert len(unknown) == self.point.unknown_outcomes
        assert all(result["success"] != (result in unknown) for result in results)

    def assert_ledger_is_complete(self) -> None:
        """Asserts that the ledger has every model call, and the stored text of the interrupted one."""
        counted = [(entry.attempt, entry.iteration, entry.estimated) for entry in self.ledger]
        assert counted == list(self.point.ledger)
        assert sum(entry.completion_tokens for entry in self.ledger if entry.estimated) == self.point.partial_tokens
        total = sum(entry.completion_tokens for entry in self.ledger)
        assert all(watcher.end["params"]["completion_tokens"] == total for watcher in self.watchers)


@dataclass
class ScenarioResult:
    run_results: dict[Point, RunResult] = field(default_factory=dict)
    effects: Counter[str] = field(default_factory=Counter)
    """How often tools have written each path."""


def run_once(do: Callable[[str], ScenarioResult]) -> Callable[[str], ScenarioResult]:
    """Caches the result of each scenario by its name, failures included."""
    done: dict[str, Future[ScenarioResult]] = {}

    def result_of(name: str) -> ScenarioResult:
        if name not in done:
            done[name] = Future()
            try:
                done[name].set_result(do(name))
            except Exception as error:
                done[name].set_exception(error)
        return done[name].result()

    return result_of


async def kill_all_at_once(deployment: Deployment, points: Sequence[Point], *, watched: bool) -> ScenarioResult:
    """Starts a run for each point in one server, and kills and restarts it when each run is at its point."""
    script = ScriptedModel({point.name: point.replies for point in points})
    async with (
        model_server(script) as model,
        deployment.server(model, **LONG_LEASE) as server,
        asyncio.timeout(MAX_DURATION),
    ):
        scenario = Scenario(deployment, server, script)
        await server.start()
        sent = await scenario.ask_all(points)
        watchers = {point: await scenario.watch(sent[point]) for point in points if watched}
        for point in points:
            await scenario.reach(point, sent[point])
        server.kill()
        restarted_at = await server.start()
        await deployment.stored.all_ended()
        for point in points:
            watching = watchers.get(point) or await scenario.watch(sent[point])
            await scenario.record(point, sent[point], watching, restarted_at)
        return scenario.result()


async def kill_one_by_one(deployment: Deployment, points: Sequence[Point]) -> ScenarioResult:
    """Kills and restarts the server for each point, with a client connected."""
    script = ScriptedModel({point.name: point.replies for point in points})
    async with (
        model_server(script) as model,
        deployment.server(model, **LONG_LEASE) as server,
        asyncio.timeout(MAX_DURATION),
    ):
        scenario = Scenario(deployment, server, script)
        await server.start()
        for point in points:
            sent = await scenario.ask(point)
            watchers = await scenario.watch(sent)
            await scenario.reach(point, sent)
            server.kill()
            await scenario.record(point, sent, watchers, await server.start())
        return scenario.result()


async def kill_the_owner_of_all(cluster: Cluster, points: Sequence[Point]) -> ScenarioResult:
    """Starts a run for each point in one process of two, and kills it for good when each run is at its point.
    Each run is watched on both: watchers of the killed process reconnect to the other."""
    script = ScriptedModel({point.name: point.replies for point in points})
    async with (
        model_server(script) as model,
        cluster.server(model) as owner,
        cluster.server(model) as other,
        asyncio.timeout(MAX_DURATION),
    ):
        scenario = Scenario(cluster, owner, script, other)
        await asyncio.gather(owner.start(), other.start())
        sent = await scenario.ask_all(points)
        watchers = {point: await scenario.watch(sent[point]) for point in points}
        for point in points:
            await scenario.reach(point, sent[point])
        owner.kill()
        killed_at = time.monotonic()
        for point in points:
            await scenario.record(point, sent[point], watchers[point], killed_at)
        return scenario.result()


async def kill_the_owner_of_each(cluster: Cluster, points: Sequence[Point]) -> ScenarioResult:
    """Kills the process that owns the run, one of two, and restarts it for the next point."""
    script = ScriptedModel({point.name: point.replies for point in points})
    async with (
        model_server(script) as model,
        cluster.server(model) as owner,
        cluster.server(model) as other,
        asyncio.timeout(MAX_DURATION),
    ):
        scenario = Scenario(cluster, owner, script, other)
        await asyncio.gather(owner.start(), other.start())
        for point in points:
            sent = await scenario.ask(point)
            watchers = await scenario.watch(sent)
            await scenario.reach(point, sent)
            owner.kill()
            await scenario.record(point, sent, watchers, time.monotonic())
            await owner.start()
        return scenario.result()


async def suspend_the_owner_of_all(cluster: Cluster, points: Sequence[Point]) -> ScenarioResult:
    """Starts a run for each point in one process, and suspends it when each run is at its point. Resumes it when the
    other process has completed all of them."""
    script = ScriptedModel({point.name: point.replies for point in points})
    async with (
        model_server(script) as model,
        cluster.server(model) as owner,
        cluster.server(model) as other,
        asyncio.timeout(MAX_DURATION),
    ):
        scenario = Scenario(cluster, owner, script, other)
        await asyncio.gather(owner.start(), other.start())
        sent = await scenario.ask_all(points)
        watchers = {point: await scenario.watch(sent[point]) for point in points}
        for point in points:
            await scenario.reach(point, sent[point])
        owner.suspend()
        suspended_at = time.monotonic()
        await cluster.stored.all_ended()
        owner.resume()
        owner.release()
        for point in points:
            await scenario.record(point, sent[point], watchers[point], suspended_at)
        owner.terminate()  # ends by itself, so that it has done all that it would still do
        await owner.ended()
        return scenario.result()


class Scenario:
    """Asks, watches and records runs. `other` is a process that continues when the server is killed."""

    def __init__(
        self,
        deployment: Deployment | Cluster,
        server: ServerProcess,
        script: ScriptedModel,
        other: ServerProcess | None = None,
    ) -> None:
        self._deployment, self._server, self._script, self._other = deployment, server, script, other
        self._run_results: dict[Point, RunResult] = {}

    async def ask_all(self, points: Sequence[Point]) -> dict[Point, Sent]:
        return {point: await self.ask(point) for point in points}

    async def ask(self, point: Point) -> Sent:
        if point.gate:
            point.gate.close()
        if point.failpoint:
            self._server.hold(point.failpoint)
        async with self._deployment.client(self._server) as ada:
            created = (await ada.call("conversation.create"))["conversation"]
            workspace = self._server.var_dir / "workspaces" / "conversations" / created["id"]
            workspace.mkdir(parents=True)
            (workspace / "reading.txt").write_text("read me")
            return await ada.call("message.send", text=point.name, conversation_id=created["id"])

    async def watch(self, sent: Sent) -> list[Watcher]:
        """Starts a watcher on each process, and waits until they are subscribed."""
        if self._other is None or isinstance(self._deployment, Deployment):
            watchers = [self._deployment.watch(self._server, sent)]
        else:
            here = self._deployment.watch(self._server, sent, self._other)
            watchers = [here, self._deployment.watch(self._other, sent)]
        for watcher in watchers:
            await watcher.subscribed()
        return watchers

    async def reach(self, point: Point, sent: Sent) -> None:
        """Waits until the run is at the point."""
        await until(lambda: self._script.calls[point.name] == point.model_calls, f"{point}: the model was called")
        stored, run_id = self._deployment.stored, sent["run_id"]
        await until(lambda: point.is_stored(stored.steps(run_id), stored.ledger(run_id)), f"{point}: it is stored")
        if point.gate:
            point.gate.open()
        if point.failpoint:
            await self._server.reached(point.failpoint)

    async def record(self, point: Point, sent: Sent, watchers: list[Watcher], since: float) -> None:
        for watcher in watchers:
            await watcher.ended()
        async with self._deployment.client(self._other or self._server) as ada:
            got = await ada.call("conversation.get", conversation_id=sent["conversation_id"])
        assert got["run"] is None
        _, message = got["messages"]
        ledger = self._deployment.stored.ledger(sent["run_id"])
        self._run_results[point] = RunResult(point, watchers, message, self._script.calls[point.name], ledger, since)

    def result(self) -> ScenarioResult:
        effects = (self._server.var_dir / "effects").read_text().split()
        return ScenarioResult(self._run_results, Counter(effects))
