"""Many answers, many who come and go, and two processes of which one is killed every few seconds and started again."""

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
from tests.faults.lengths import MANY_RUNS
from tests.faults.process import ServerProcess
from tests.modelserver import ModelRequest, Reply, answer, model_server, pause

logger = logging.getLogger(__name__)

pytestmark = [pytest.mark.faults, pytest.mark.requires_postgres, pytest.mark.requires_redis]

T = TypeVar("T")

SEED = 4
STRINGS = 20
BETWEEN_WORDS = 0.15
"""Seconds: an answer takes longer than a lease."""
BETWEEN_QUESTIONS = 0.2
AT_ONCE = 20
"""Questions, on however slow a machine."""
BETWEEN_KILLS = (1.5, 4.0)
STAY = (0.2, 5.0)
SETTINGS = {
    "LIMIT_RUNS_PER_USER": "500",
    "LIMIT_CONNECTIONS_PER_USER": "1000",
    "LIMIT_FRAMES_PER_SECOND": "1000",
    "RUN_MAX_ATTEMPTS": "100",
}


def answer_to(question: str) -> str:
    """What nobody else is told."""
    return " ".join(f"{question}-{number}" for number in range(STRINGS))


def reply_to(request: ModelRequest) -> Reply:
    question = request.body["messages"][-1]["content"]
    return [part for each in answer(answer_to(question)) for part in (each, pause(BETWEEN_WORDS))]


class Visitors:
    """They come to whichever process is there, and come again when they lose it, or when they feel like it."""

    def __init__(self, cluster: Cluster, servers: list[ServerProcess], chance: random.Random) -> None:
        self.visits = 0
        self._room = asyncio.Semaphore(AT_ONCE)
        self._cluster, self._servers, self._chance = cluster, servers, chance

    async def ask_and_watch(self, question: str) -> list[str]:
        """The answer as it was told to each of those who watched."""
        async with self._room:
            sent = await self.ask(question)
            return await asyncio.gather(*(self.watch(sent) for _ in range(self._chance.randint(1, 2))))

    async def ask(self, question: str) -> dict[str, Any]:
        """As a client does that sends again what it got no answer to."""
        return await self._come(lambda client: client.call("message.send", text=question, request_id=question))

    async def watch(self, sent: dict[str, Any]) -> str:
        """The answer as it was told to the visit that saw the end."""
        return await self._come(lambda client: self._look(client, sent))

    async def _come(self, do: Callable[[Client], Awaitable[T | None]]) -> T:
        """Until something comes of it."""
        while True:
            try:
                async with self._cluster.client(self._chance.choice(self._servers)) as client:
                    self.visits += 1
                    if (result := await unless_cut_off(client, do(client))) is not None:
                        return result
            except (OSError, websockets.WebSocketException):
                pass  # nobody is there
            await asyncio.sleep(0.1)

    async def _look(self, client: Client, sent: dict[str, Any]) -> str | None:
        """For a while; None if the end did not come."""
        run_id = sent["run_id"]
        await client.call("conversation.subscribe", conversation_id=sent["conversation_id"], run_id=run_id)
        try:
            async with asyncio.timeout(self._chance.uniform(*STAY)):
                end = await client.ended(run_id, within=60)
        except TimeoutError:
            return None
        assert end["params"].get("status") == "complete", end
        assert len(client.received("run_started", run_id=run_id)) == 1
        return "".join(step["content"] for step in client.steps(run_id))


async def unless_cut_off(client: Client, doing: Awaitable[T | None]) -> T | None:
    try:
        return await doing
    except (AssertionError, websockets.ConnectionClosed):
        if client.connection.close_code is None:
            raise
        return None


async def come_and_go(servers: list[ServerProcess], chance: random.Random, killed: list[ServerProcess]) -> None:
    """One at a time, until this is cancelled; those that were killed."""
    while True:
        await asyncio.sleep(chance.uniform(*BETWEEN_KILLS))
        server = chance.choice(servers)
        server.kill()
        killed.append(server)
        await asyncio.sleep(chance.uniform(0.1, 1.0))
        await server.start()


async def test_no_answer_is_lost_or_doubled_and_none_stays_live(cluster: Cluster) -> None:
    chance = random.Random(SEED)
    questions = [f"q{number}" for number in range(MANY_RUNS)]
    async with (
        model_server(reply_to) as model,
        cluster.server(model, **SETTINGS) as one,
        cluster.server(model, **SETTINGS) as two,
    ):
        servers = [one, two]
        await asyncio.gather(one.start(), two.start())
        visitors = Visitors(cluster, servers, chance)
        killed: list[ServerProcess] = []
        killing = one.beside(come_and_go(servers, chance, killed))
        asking = []
        for question in questions:
            asking.append(asyncio.create_task(visitors.ask_and_watch(question)))
            await asyncio.sleep(BETWEEN_QUESTIONS)
        told = await asyncio.gather(*asking)
        await cluster.stored.all_ended()
        killing.cancel()
    for question, answers in zip(questions, told, strict=True):
        assert set(answers) == {answer_to(question)}
    stored = cluster.stored
    runs = stored.runs()
    assert [run.status for run in runs.values()] == ["complete"] * MANY_RUNS
    assert sorted(stored.questions()) == sorted(questions)
    kept = sorted("".join(words for _, words in stored.steps(run_id)) for run_id in runs)
    assert kept == sorted(map(answer_to, questions))
    assert all([entry.estimated for entry in stored.ledger(run_id)].count(False) == 1 for run_id in runs)
    attempts = [run.attempt for run in runs.values()]
    taken_up = sum(attempts) - MANY_RUNS
    for server in servers:
        assert "could not be told more" not in server.log, "that a client leaves is no fault"
    logger.info("%d runs, %d visits, %d kills: taken up %d times", len(runs), visitors.visits, len(killed), taken_up)
    assert taken_up, "nothing was taken up: the test proves little"
