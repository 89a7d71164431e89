"""The clock of a process jumps during an answer: leases are measured by the monotonic clock."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.client import Client
from tests.cluster.run_checks import assert_received_once
from tests.faults.cluster import HEARTBEAT, Cluster
from tests.faults.points import FINAL, ScriptedModel
from tests.faults.waiting import until
from tests.modelserver import Gate, answer, model_server, pause, text, wait_for

pytestmark = [pytest.mark.faults, pytest.mark.requires_postgres, pytest.mark.requires_redis]

JUMPS = (7200, -7200, 0)
"""Offsets of the clock in seconds, set in turn."""
WORD_INTERVAL = 0.1
STRINGS = [f"word {number} " for number in range(round(1.5 * HEARTBEAT / WORD_INTERVAL))]
QUESTION = {"text": "Tell me", "request_id": "the first"}


def text_of(client: Client, run_id: str) -> str:
    return "".join(step["content"] for step in client.steps(run_id))


async def test_clock_jumps_lose_no_run_repeat_no_request_and_keep_the_order(cluster: Cluster) -> None:
    may_end = Gate()
    slow_reply = [part for word in STRINGS for part in (text(word), pause(WORD_INTERVAL))]
    script = ScriptedModel(
        {"Tell me": [[*slow_reply, wait_for(may_end), *answer("the end")]], "And then?": [answer(FINAL)]}
    )
    whole_text = "".join(STRINGS) + "the end"
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
            for offset in JUMPS:
                one.set_clock(offset)
                before, since = len(text_of(there, run_id)), time.monotonic()
                await until(lambda before=before: len(text_of(there, run_id)) > before, "the run continues")  # type: ignore[misc]
                assert await here.call("message.send", **QUESTION) == sent
                assert await there.call("message.send", **QUESTION) == sent
                await asyncio.sleep(HEARTBEAT / 2 - (time.monotonic() - since))
            may_end.open()
            one.set_clock(-7200)
            for client in (here, there):
                await client.ended(run_id)
                assert_received_once(client, run_id, whole_text)
            next_run = (await here.call("message.send", text="And then?", conversation_id=where))["run_id"]
            for client in (here, there):
                await client.ended(next_run)
                got = await client.call("conversation.get", conversation_id=where)
                texts = [message["content"]["text"] for message in got["messages"]]
                assert texts == ["Tell me", whole_text, "And then?", FINAL]
    asked = [message["content"] for message in model.requests[-1].body["messages"] if message["role"] != "system"]
    assert asked == ["Tell me", whole_text, "And then?"]
    assert {(run.status, run.attempt) for run in cluster.stored.runs().values()} == {("complete", 1)}
    assert set(script.calls.values()) == {1}
