"""PostgreSQL is gone: answers go on and are stored when it is back, and nobody takes the runs of who lives."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.client import CallError, Client
from tests.cluster.run_checks import assert_received_once
from tests.faults.cluster import Cluster
from tests.faults.lengths import AT_LENGTH, POSTGRESQL_AWAY
from tests.faults.points import ANSWER, FINAL, Script, write
from tests.faults.waiting import until
from tests.modelserver import Gate, Reply, answer, calls, done, finish, model_server, pause, text, usage, wait_for

pytestmark = [pytest.mark.faults, pytest.mark.requires_postgres, pytest.mark.requires_redis]

EVERY = 0.2
STRINGS = [f"word {number} " for number in range(round(POSTGRESQL_AWAY / EVERY))]
SETTINGS = {"RUN_HEARTBEAT": "4"} | ({} if AT_LENGTH else {"FAULTS_PATIENCE": "2"})
"""At length with the patience that the product has."""


async def unavailable(client: Client, question: str) -> None:
    """Asks, and is refused."""
    refusal = await client.response(await client.send("message.send", text=question, request_id=question))
    assert refusal["error"]["data"]["code"] == "unavailable"
    assert refusal["error"]["message"]


async def accepted(client: Client, question: str) -> str:
    """Asks as a client does that is told `unavailable`: the same again, under the same request_id. The run's id."""
    for _ in range(20):
        try:
            sent = await client.call("message.send", text=question, request_id=question)
        except CallError as error:
            if error.data["code"] != "unavailable":
                raise
        else:
            run_id: str = sent["run_id"]
            return run_id
    raise AssertionError("it was never accepted")


def said(client: Client, run_id: str) -> int:
    return sum(len(step["content"]) for step in client.steps(run_id))


async def tells(client: Client, run_id: str, characters: int) -> None:
    """Returns when so much of the run was told, at least."""
    await until(lambda: said(client, run_id) >= characters, f"{characters} characters are told")


async def test_nothing_is_lost_no_tool_with_effects_starts_and_no_lease_is_taken(cluster: Cluster) -> None:
    begun, over = Gate(), Gate()
    slowly = [part for word in STRINGS for part in (text(word), pause(EVERY))]
    questions: dict[str, list[Reply]] = {
        "Slowly": [[*slowly, wait_for(over), finish(), usage(), done()]],
        "Write": [[wait_for(begun), *calls(write("a.txt"))], ANSWER],
        "Short": [[wait_for(begun), *answer(FINAL)]],
    }
    script = Script({**questions, "Meanwhile here": [answer(FINAL)], "Meanwhile there": [answer(FINAL)]})
    async with (
        model_server(script) as model,
        cluster.server(model, **SETTINGS) as one,
        cluster.server(model, **SETTINGS) as two,
    ):
        await asyncio.gather(one.start(), two.start())
        async with cluster.client(one) as here, cluster.client(two) as there:
            asked = {question: await here.call("message.send", text=question) for question in questions}
            runs = {question: sent["run_id"] for question, sent in asked.items()}
            for sent in asked.values():
                await there.call("conversation.subscribe", conversation_id=sent["conversation_id"])
            await there.until("process_step", run_id=runs["Slowly"])
            owners = {run.owner for run in cluster.stored.runs().values()}
            await asyncio.to_thread(cluster.postgres.stop)
            try:
                away_since, told = time.monotonic(), [said(client, runs["Slowly"]) for client in (here, there)]
                begun.open()
                await asyncio.gather(unavailable(here, "Meanwhile here"), unavailable(there, "Meanwhile there"))
                for client, before in zip((here, there), told, strict=True):
                    await tells(client, runs["Slowly"], before + 1)
                    await tells(client, runs["Short"], len(FINAL))
                await asyncio.sleep(POSTGRESQL_AWAY - (time.monotonic() - away_since))
                assert cluster.effects == []
                assert not here.received("done")
                assert not there.received("done")
            finally:
                await asyncio.to_thread(cluster.postgres.start)
            over.open()
            runs["Meanwhile here"] = await accepted(here, "Meanwhile here")
            await accepted(there, "Meanwhile there")
            for client in (here, there):
                for question in questions:
                    assert (await client.ended(runs[question], within=60))["params"]["status"] == "complete"
                assert_received_once(client, runs["Slowly"], "".join(STRINGS))
                assert_received_once(client, runs["Short"], FINAL)
            await here.ended(runs["Meanwhile here"])
            await cluster.stored.all_ended()
        stored = cluster.stored.runs()
        assert {(run.status, run.attempt) for run in stored.values()} == {("complete", 1)}
        assert {stored[runs[question]].owner for question in questions} == owners
        assert cluster.effects == ["a.txt"]
        assert len(cluster.stored.questions()) == len(script.asked) == 5
        assert set(script.asked.values()) == {1, 2}
