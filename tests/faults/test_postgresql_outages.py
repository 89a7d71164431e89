"""During an outage of PostgreSQL runs continue; they are stored afterwards, and no process claims runs of another."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.client import CallError, Client
from tests.cluster.run_checks import assert_received_once
from tests.faults.cluster import Cluster
from tests.faults.durations import FULL_LENGTH, POSTGRESQL_OUTAGE
from tests.faults.points import ANSWER, FINAL, ScriptedModel, write
from tests.faults.waiting import until
from tests.modelserver import Gate, Reply, answer, calls, done, finish, model_server, pause, text, usage, wait_for

pytestmark = [pytest.mark.faults, pytest.mark.requires_postgres, pytest.mark.requires_redis]

WORD_INTERVAL = 0.2
STRINGS = [f"word {number} " for number in range(round(POSTGRESQL_OUTAGE / WORD_INTERVAL))]
SETTINGS = {"RUN_HEARTBEAT": "4"} | ({} if FULL_LENGTH else {"FAULTS_WRITE_TIMEOUT": "2"})
"""At full length with the default write timeout."""


async def assert_unavailable(client: Client, question: str) -> None:
    """Asserts that the question is refused as `unavailable`."""
    refusal = await client.response(await client.send("message.send", text=question, request_id=question))
    assert refusal["error"]["data"]["code"] == "unavailable"
    assert refusal["error"]["message"]


async def send_until_accepted(client: Client, question: str) -> str:
    """Sends the question with the same request_id until it is accepted, and returns the id of the run."""
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


def length_of(client: Client, run_id: str) -> int:
    return sum(len(step["content"]) for step in client.steps(run_id))


async def until_length(client: Client, run_id: str, characters: int) -> None:
    """Waits until the client has received at least so many characters of the run."""
    await until(lambda: length_of(client, run_id) >= characters, f"{characters} characters are lengths")


async def test_nothing_is_lost_no_tool_with_effects_starts_and_no_lease_is_taken_over(cluster: Cluster) -> None:
    outage_begun, may_end = Gate(), Gate()
    slow_reply = [part for word in STRINGS for part in (text(word), pause(WORD_INTERVAL))]
    questions: dict[str, list[Reply]] = {
        "Slowly": [[*slow_reply, wait_for(may_end), finish(), usage(), done()]],
        "Write": [[wait_for(outage_begun), *calls(write("a.txt"))], ANSWER],
        "Short": [[wait_for(outage_begun), *answer(FINAL)]],
    }
    script = ScriptedModel({**questions, "Meanwhile here": [answer(FINAL)], "Meanwhile there": [answer(FINAL)]})
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
                outage_began, lengths = (
                    time.monotonic(),
                    [length_of(client, runs["Slowly"]) for client in (here, there)],
                )
                outage_begun.open()
                await asyncio.gather(
                    assert_unavailable(here, "Meanwhile here"), assert_unavailable(there, "Meanwhile there")
                )
                for client, before in zip((here, there), lengths, strict=True):
                    await until_length(client, runs["Slowly"], before + 1)
                    await until_length(client, runs["Short"], len(FINAL))
                await asyncio.sleep(POSTGRESQL_OUTAGE - (time.monotonic() - outage_began))
                assert cluster.effects == []
                assert not here.received("done")
                assert not there.received("done")
            finally:
                await asyncio.to_thread(cluster.postgres.start)
            may_end.open()
            runs["Meanwhile here"] = await send_until_accepted(here, "Meanwhile here")
            await send_until_accepted(there, "Meanwhile there")
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
        assert len(cluster.stored.questions()) == len(script.calls) == 5
        assert set(script.calls.values()) == {1, 2}
