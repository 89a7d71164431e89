"""SIGTERM to the owner of a run: another process continues the run as soon as the grace period is over."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from tests.client import Client
from tests.faults.cluster import Cluster
from tests.faults.points import FINAL, ScriptedModel
from tests.faults.waiting import LONG_LEASE, MAX_DELAY, until
from tests.modelserver import answer, hang, model_server, pause, text

logger = logging.getLogger(__name__)

pytestmark = [pytest.mark.faults, pytest.mark.requires_postgres, pytest.mark.requires_redis]

GRACE_PERIOD = 1.5
WORD_INTERVAL = 0.1


def text_of(client: Client, run_id: str) -> str:
    return "".join(step["content"] for step in client.steps(run_id))


async def test_the_other_process_serves_the_watchers_and_continues_the_run_at_once(cluster: Cluster) -> None:
    words = [f"word {number} " for number in range(round(GRACE_PERIOD / WORD_INTERVAL))]
    cut = [*[part for word in words for part in (text(word), pause(WORD_INTERVAL))], hang()]
    script = ScriptedModel({"Long": [cut, answer(FINAL)], "Short": [[text("It is "), pause(0.5), *answer("short")]]})
    async with (
        model_server(script) as model,
        cluster.server(model, SHUTDOWN_GRACE=f"{GRACE_PERIOD}", **LONG_LEASE) as one,
        cluster.server(model, **LONG_LEASE) as two,
    ):
        await asyncio.gather(one.start(), two.start())
        async with cluster.client(one) as here, cluster.client(two) as there:
            sent = {question: await here.call("message.send", text=question) for question in ("Long", "Short")}
            for each in sent.values():
                await there.call("conversation.subscribe", conversation_id=each["conversation_id"])
            long_run, short_run = sent["Long"]["run_id"], sent["Short"]["run_id"]
            watcher = cluster.watch(one, sent["Long"], two)
            await watcher.subscribed()
            await there.until("process_step", run_id=long_run)
            one.terminate()
            signaled_at, text_before = time.monotonic(), text_of(there, long_run)
            await until(lambda: len(text_of(there, long_run)) > len(text_before), "the run continues")
            assert (await there.ended(short_run))["params"]["status"] == "complete"
            assert (await there.ended(long_run))["params"]["status"] == "complete"
            await watcher.ended()
            assert await here.closed() == 4012
        assert watcher.close_codes[0] == 4012
        assert await one.ended() == 0
        for steps in (there.steps(long_run), watcher.steps):
            assert [step["content"] for step in steps] == [FINAL]
        grace_ended = signaled_at + GRACE_PERIOD
        silence = min(moment for moment in there.arrival_times(long_run) if moment > grace_ended) - grace_ended
        logger.info("next notification %.2f s after the grace period", silence)
        assert silence < MAX_DELAY
        assert watcher.silence_after(grace_ended) < MAX_DELAY
        stored = cluster.stored.runs()
        assert [(stored[run].status, stored[run].attempt) for run in (long_run, short_run)] == [
            ("complete", 2),
            ("complete", 1),
        ]


async def test_after_all_processes_were_killed_one_restart_completes_the_runs_without_clients(cluster: Cluster) -> None:
    questions = [f"Question {number}" for number in range(6)]
    script = ScriptedModel({question: [[text("An "), hang()], answer(FINAL)] for question in questions})
    stored = cluster.stored
    async with (
        model_server(script) as model,
        cluster.server(model) as one,
        cluster.server(model) as two,
    ):
        await asyncio.gather(one.start(), two.start())
        async with cluster.client(one) as here, cluster.client(two) as there:
            sent = [
                await client.call("message.send", text=question)
                for client, question in zip([here, there] * 3, questions, strict=True)
            ]
        await until(lambda: all(stored.steps(each["run_id"]) for each in sent), "all have begun to answer")
        one.kill()
        two.kill()
        await one.start()
        await stored.all_ended()
    assert {key: (run.status, run.attempt) for key, run in stored.runs().items()} == {
        each["run_id"]: ("complete", 2) for each in sent
    }
    assert [stored.steps(each["run_id"]) for each in sent] == [[("text", FINAL)]] * len(sent)
    assert set(script.calls.values()) == {2}
