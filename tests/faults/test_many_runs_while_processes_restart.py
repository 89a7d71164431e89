"""Many runs and many visiting clients, while every few seconds one of two processes is killed and restarted."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
import websockets

from tests.client import Client
from tests.faults.cluster import Cluster
from tests.faults.durations import MANY_RUNS
from tests.faults.process import ServerProcess
from tests.modelserver import ModelRequest, Reply, answer, model_server, pause

logger = logging.getLogger(__name__)

pytestmark = [pytest.mark.faults, pytest.mark.requires_postgres, pytest.mark.requires_redis]

T = TypeVar("T")

SEED = 4
STRINGS = 20
WORD_INTERVAL = 0.15
"""Seconds, so that an answer takes longer than a lease."""
QUESTION_INTERVAL = 0.2
MAX_CONCURRENT_QUESTIONS = 20
"""Limits the load on a slow machine."""
KILL_INTERVAL = (1.5, 4.0)
VISIT_DURATION = (0.2, 5.0)
SETTINGS = {
    "LIMIT_RUNS_PER_USER": "500",
    "LIMIT_CONNECTIONS_PER_USER": "1000",
    "LIMIT_FRAMES_PER_SECOND": "1000",
    "RUN_MAX_ATTEMPTS": "100",
}


def answer_to(question: str) -> str:
    """Returns a text that is unique to the question."""
    return " ".join(f"{question}-{number}" for number in range(STRINGS))


def reply_to(request: ModelRequest) -> Reply:
    question = request.body["messages"][-1]["content"]
    return [part for each in answer(answer_to(question)) for part in (each, pause(WORD_INTERVAL))]


class Visitors:
    """Clients that connect to a random process, and reconnect when they lose it or after a random time."""

    def __init__(self, cluster: Cluster, servers: list[ServerProcess], rng: random.Random) -> None:
        self.visits = 0
        self._semaphore = asyncio.Semaphore(MAX_CONCURRENT_QUESTIONS)
        self._cluster, self._servers, self._rng = cluster, servers, rng

    async def ask_and_watch(self, question: str) -> list[str]:
        """Returns the answer as each watcher received it."""
        async with self._semaphore:
            sent = await self.ask(question)
            return await asyncio.gather(*(self.watch(sent) for _ in range(self._rng.randint(1, 2))))

    async def ask(self, question: str) -> dict[str, Any]:
        """Sends the question, again with the same request_id while there is no response."""
        return await self._visit(lambda client: client.call("message.send", text=question, request_id=question))

    async def watch(self, sent: dict[str, Any]) -> str:
        """Returns the answer as received by the visit that saw its end."""
        return await self._visit(lambda client: self._watch_for_a_while(client, sent))

    async def _visit(self, do: Callable[[Client], Awaitable[T | None]]) -> T:
        """Connects until `do` returns a result."""
        while True:
            try:
                async with self._cluster.client(self._rng.choice(self._servers)) as client:
                    self.visits += 1
                    if (result := await result_unless_disconnected(client, do(client))) is not None:
                        return result
            except (OSError, websockets.WebSocketException):
                pass  # the process is down
            await asyncio.sleep(0.1)

    async def _watch_for_a_while(self, client: Client, sent: dict[str, Any]) -> str | None:
        """Watches for a random time; returns None if the run did not end in it."""
        run_id = sent["run_id"]
        await client.call("conversation.subscribe", conversation_id=sent["conversation_id"], run_id=run_id)
        try:
            async with asyncio.timeout(self._rng.uniform(*VISIT_DURATION)):
                end = await client.ended(run_id, within=60)
        except TimeoutError:
            return None
        assert end["params"].get("status") == "complete", end
        assert len(client.received("run_started", run_id=run_id)) == 1
        return "".join(step["content"] for step in client.steps(run_id))


async def result_unless_disconnected(client: Client, action: Awaitable[T | None]) -> T | None:
    try:
        return await action
    except (AssertionError, websockets.ConnectionClosed):
        if client.connection.close_code is None:
            raise
        return None


async def kill_and_restart(servers: list[ServerProcess], rng: random.Random, killed: list[ServerProcess]) -> None:
    """Kills and restarts one server at a time until cancelled, and appends each to `killed`."""
    while True:
        await asyncio.sleep(rng.uniform(*KILL_INTERVAL))
        server = rng.choice(servers)
        server.kill()
        killed.append(server)
        await asyncio.sleep(rng.uniform(0.1, 1.0))
        await server.start()


async def test_no_answer_is_lost_duplicated_or_left_live(cluster: Cluster) -> None:
    rng = random.Random(SEED)
    questions = [f"q{number}" for number in range(MANY_RUNS)]
    async with (
        model_server(reply_to) as model,
        cluster.server(model, **SETTINGS) as one,
        cluster.server(model, **SETTINGS) as two,
    ):
        servers = [one, two]
        await asyncio.gather(one.start(), two.start())
        visitors = Visitors(cluster, servers, rng)
        killed: list[ServerProcess] = []
        killing = one.run_in_background(kill_and_restart(servers, rng, killed))
        asking = []
        for question in questions:
            asking.append(asyncio.create_task(visitors.ask_and_watch(question)))
            await asyncio.sleep(QUESTION_INTERVAL)
        all_answers = await asyncio.gather(*asking)
        await cluster.stored.all_ended()
        killing.cancel()
    for question, answers in zip(questions, all_answers, strict=True):
        assert set(answers) == {answer_to(question)}
    stored = cluster.stored
    runs = stored.runs()
    assert [run.status for run in runs.values()] == ["complete"] * MANY_RUNS
    assert sorted(stored.questions()) == sorted(questions)
    stored_texts = sorted("".join(words for _, words in stored.steps(run_id)) for run_id in runs)
    assert stored_texts == sorted(map(answer_to, questions))
    assert all([entry.estimated for entry in stored.ledger(run_id)].count(False) == 1 for run_id in runs)
    attempts = [run.attempt for run in runs.values()]
    claims = sum(attempts) - MANY_RUNS
    for server in servers:
        assert "the pump of a connection failed" not in server.log, "a client that leaves is no error"
    logger.info("%d runs, %d visits, %d kills: claimed %d times", len(runs), visitors.visits, len(killed), claims)
    assert claims, "no run was claimed: the test proves little"
