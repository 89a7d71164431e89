"""While Redis is gone or frozen, runs continue in their processes, and clients of other processes catch up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from tests.client import Client
from tests.cluster.run_checks import assert_received_once
from tests.faults.cluster import Cluster
from tests.faults.durations import REDIS_IDLE, REDIS_OUTAGE
from tests.faults.points import FINAL, ScriptedModel, write
from tests.faults.stored import StoredRun
from tests.faults.waiting import until
from tests.modelserver import Gate, Reply, answer, calls, model_server, pause, text, wait_for
from tests.redis import RedisServer

pytestmark = [pytest.mark.faults, pytest.mark.requires_postgres, pytest.mark.requires_redis]

WORD_INTERVAL = 0.2
STRINGS = [f"word {number} " for number in range(round(REDIS_OUTAGE / WORD_INTERVAL) - 10)]
"""About as many as the model sends during the outage."""

Switch = Callable[[RedisServer], None]
OUTAGES: list[tuple[Switch, Switch]] = [(RedisServer.stop, RedisServer.start), (RedisServer.freeze, RedisServer.thaw)]


def slow_reply(may_end: Gate) -> Reply:
    return [
        *[part for word in STRINGS for part in (text(word), pause(WORD_INTERVAL))],
        wait_for(may_end),
        *answer("the end"),
    ]


def text_of(client: Client, run_id: str) -> str:
    return "".join(step["content"] for step in client.steps(run_id))


@pytest.mark.parametrize(("begin_outage", "end_outage"), OUTAGES, ids=["gone", "frozen"])
async def test_runs_continue_and_nothing_is_lost_or_delivered_twice(
    fragile_cluster: Cluster, begin_outage: Switch, end_outage: Switch
) -> None:
    cluster, may_end = fragile_cluster, Gate()
    script = ScriptedModel(
        {
            "Slowly": [slow_reply(may_end)],
            "Here": [calls(write("a.txt")), answer(FINAL)],
            "There": [answer(FINAL)],
        }
    )
    async with (
        model_server(script) as model,
        cluster.server(model, RUN_HEARTBEAT="6") as one,
        cluster.server(model, RUN_HEARTBEAT="6") as two,
    ):
        await asyncio.gather(one.start(), two.start())
        async with cluster.client(one) as here, cluster.client(two) as there:
            slow = (await here.call("message.send", text="Slowly"))["run_id"]
            await here.until("process_step", run_id=slow)
            where = here.received("run_started", run_id=slow)[0]["conversation_id"]
            await there.call("conversation.subscribe", conversation_id=where)
            await there.until("process_step", run_id=slow)
            await asyncio.to_thread(begin_outage, cluster.redis)
            outage_began, length = time.monotonic(), len(text_of(here, slow))
            for client, question in ((here, "Here"), (there, "There")):
                sent = await client.call("message.send", text=question)
                assert (await client.ended(sent["run_id"]))["params"]["status"] == "complete"
            await until(lambda: len(text_of(here, slow)) > length, "the run continues during the outage")
            assert cluster.effects == ["a.txt"]
            await asyncio.sleep(REDIS_OUTAGE - (time.monotonic() - outage_began))
            assert not there.received("done", run_id=slow)
            await asyncio.to_thread(end_outage, cluster.redis)
            for client in (here, there):
                await until(lambda client=client: text_of(client, slow) == "".join(STRINGS), "all text so far")  # type: ignore[misc]
            may_end.open()
            for client in (here, there):
                assert (await client.ended(slow))["params"]["status"] == "complete"
                assert_received_once(client, slow, "".join(STRINGS) + "the end")
            known = {each["conversation"]["id"] for each in here.received("conversation_changed")}
            await until(
                lambda: {each["conversation"]["id"] for each in there.received("conversation_changed")} >= known,
                "both clients know all conversations",
            )
        assert {(run.status, run.attempt) for run in cluster.stored.runs().values()} == {("complete", 1)}


async def test_messages_arrive_after_a_long_silence(cluster: Cluster) -> None:
    script = ScriptedModel({"Tell me": [answer(FINAL)]})
    async with (
        model_server(script) as model,
        cluster.server(model) as one,
        cluster.server(model) as two,
    ):
        await asyncio.gather(one.start(), two.start())
        async with cluster.client(one) as here, cluster.client(two) as there:
            where = (await there.call("conversation.create"))["conversation"]["id"]
            await there.call("conversation.subscribe", conversation_id=where)
            await asyncio.sleep(REDIS_IDLE)
            sent = await here.call("message.send", text="Tell me", conversation_id=where)
            for client in (here, there):
                await client.ended(sent["run_id"])
                assert_received_once(client, sent["run_id"], FINAL)
        (run,) = cluster.stored.runs().values()
        assert isinstance(run, StoredRun)
        assert run.attempt == 1
    for server in (one, two):
        assert "messages from other processes cannot be received" not in server.log
        assert "no messages arrive although Redis answers" not in server.log
