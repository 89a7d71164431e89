"""The clock of a process is put forward or back in the middle of an answer: leases go by the time that passes."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.client import Client
from tests.cluster.run_checks import assert_received_once
from tests.faults.cluster import HEARTBEAT, Cluster
from tests.faults.points import FINAL, Script
from tests.faults.waiting import until
from tests.modelserver import Gate, answer, model_server, pause, text, wait_for

pytestmark = [pytest.mark.faults, pytest.mark.requires_postgres, pytest.mark.requires_redis]

JUMPS = (7200, -7200, 0)
"""Seconds by which the clock is wrong, one after the other."""
EVERY = 0.1
STRINGS = [f"word {number} " for number in range(round(1.5 * HEARTBEAT / EVERY))]
QUESTION = {"text": "Tell me", "request_id": "the first"}


def said(client: Client, run_id: str) -> str:
    return "".join(step["content"] for step in client.steps(run_id))


async def test_no_run_is_lost_no_request_happens_twice_and_all_stays_in_order(cluster: Cluster) -> None:
    over = Gate()
    slowly = [part for word in STRINGS for part in (text(word), pause(EVERY))]
    script = Script({"Tell me": [[*slowly, wait_for(over), *answer("the end")]], "And then?": [answer(FINAL)]})
    told = "".join(STRINGS) + "the end"
    async with (
        model_server(script) as model,
        cluster.server(model) as one,
        cluster.server(model) as two,
    ):
        await asyncio.gather(one.start(), two.start())
        async with cluster.client(one) as here, cluster.client(two) as there:
            sent = await here.call("message.send", **QUESTION)
            run_id, where = sent["run_id"], sent["conversation_id"]
            await there.call("conversation.subscribe", conversation_id=where)
            for wrong_by in JUMPS:
                one.set_clock(wrong_by)
                before, since = len(said(there, run_id)), time.monotonic()
                await until(lambda before=before: len(said(there, run_id)) > before, "it goes on")  # type: ignore[misc]
                assert await here.call("message.send", **QUESTION) == sent
                assert await there.call("message.send", **QUESTION) == sent
                await asyncio.sleep(HEARTBEAT / 2 - (time.monotonic() - since))
            over.open()
            one.set_clock(-7200)
            for client in (here, there):
                await client.ended(run_id)
                assert_received_once(client, run_id, told)
            next_run = (await here.call("message.send", text="And then?", conversation_id=where))["run_id"]
            for client in (here, there):
                await client.ended(next_run)
                got = await client.call("conversation.get", conversation_id=where)
                texts = [message["content"]["text"] for message in got["messages"]]
                assert texts == ["Tell me", told, "And then?", FINAL]
    asked = [message["content"] for message in model.requests[-1].body["messages"] if message["role"] != "system"]
    assert asked == ["Tell me", told, "And then?"]
    assert {(run.status, run.attempt) for run in cluster.stored.runs().values()} == {("complete", 1)}
    assert set(script.asked.values()) == {1}
