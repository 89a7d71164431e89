"""Redis is gone, or hangs: answers go on where they are made, and whoever watches elsewhere catches up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from tests.client import Client
from tests.cluster.run_checks import assert_received_once
from tests.faults.cluster import Cluster
from tests.faults.lengths import REDIS_AWAY, REDIS_IDLE
from tests.faults.points import FINAL, Script, write
from tests.faults.stored import StoredRun
from tests.faults.waiting import until
from tests.modelserver import Gate, Reply, answer, calls, model_server, pause, text, wait_for
from tests.redis import RedisServer

pytestmark = [pytest.mark.faults, pytest.mark.requires_postgres, pytest.mark.requires_redis]

EVERY = 0.2
STRINGS = [f"word {number} " for number in range(round(REDIS_AWAY / EVERY) - 10)]
"""About as many as are said until Redis is back."""

Switch = Callable[[RedisServer], None]
AWAY: list[tuple[Switch, Switch]] = [(RedisServer.stop, RedisServer.start), (RedisServer.freeze, RedisServer.thaw)]


def slowly(over: Gate) -> Reply:
    return [*[part for word in STRINGS for part in (text(word), pause(EVERY))], wait_for(over), *answer("the end")]


def said(client: Client, run_id: str) -> str:
    return "".join(step["content"] for step in client.steps(run_id))


@pytest.mark.parametrize(("leave", "come_back"), AWAY, ids=["gone", "frozen"])
async def test_nothing_stops_and_nothing_is_lost_or_told_twice(
    fragile_cluster: Cluster, leave: Switch, come_back: Switch
) -> None:
    cluster, over = fragile_cluster, Gate()
    script = Script(
        {
            "Slowly": [slowly(over)],
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
            await asyncio.to_thread(leave, cluster.redis)
            away_since, told = time.monotonic(), len(said(here, slow))
            for client, question in ((here, "Here"), (there, "There")):
                sent = await client.call("message.send", text=question)
                assert (await client.ended(sent["run_id"]))["params"]["status"] == "complete"
            await until(lambda: len(said(here, slow)) > told, "what is said while it is away")
            assert cluster.effects == ["a.txt"]
            await asyncio.sleep(REDIS_AWAY - (time.monotonic() - away_since))
            assert not there.received("done", run_id=slow)
            await asyncio.to_thread(come_back, cluster.redis)
            for client in (here, there):
                await until(lambda client=client: said(client, slow) == "".join(STRINGS), "all words so far")  # type: ignore[misc]
            over.open()
            for client in (here, there):
                assert (await client.ended(slow))["params"]["status"] == "complete"
                assert_received_once(client, slow, "".join(STRINGS) + "the end")
            mine = {each["conversation"]["id"] for each in here.received("conversation_changed")}
            await until(
                lambda: {each["conversation"]["id"] for each in there.received("conversation_changed")} >= mine,
                "that everybody knows of all conversations",
            )
        assert {(run.status, run.attempt) for run in cluster.stored.runs().values()} == {("complete", 1)}


async def test_mail_comes_also_after_a_long_time_without_any(cluster: Cluster) -> None:
    script = Script({"Tell me": [answer(FINAL)]})
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
        assert "mail of other processes does not come" not in server.log
