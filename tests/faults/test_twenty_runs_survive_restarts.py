from __future__ import annotations

import asyncio

import pytest

from tests.faults.deployment import Deployment
from tests.faults.points import ScriptedModel
from tests.faults.waiting import until
from tests.modelserver import answer, hang, model_server, text

pytestmark = pytest.mark.faults

QUESTIONS = [f"Question {number}" for number in range(20)]
INTERRUPTED = [text("An "), hang()]


async def test_no_run_is_lost_duplicated_or_left_live_after_a_kill_and_a_shutdown(deployment: Deployment) -> None:
    script = ScriptedModel(
        {question: [INTERRUPTED, INTERRUPTED, answer(f"An answer to {question}")] for question in QUESTIONS}
    )
    stored = deployment.stored
    async with model_server(script) as model, deployment.server(model) as server, asyncio.timeout(300):
        await server.start()
        async with deployment.client(server) as ada:
            sent = [await ada.call("message.send", text=question) for question in QUESTIONS]
        watchers = [deployment.watch(server, each) for each in sent]
        await until(lambda: all(stored.steps(each["run_id"]) for each in sent), "all have begun to answer")
        server.kill()
        await server.start()
        await until(lambda: sum(script.calls.values()) == 2 * len(QUESTIONS), "all model calls are repeated")
        server.terminate()
        assert await server.ended() == 0
        await server.start()
        for watcher in watchers:
            await watcher.ended()
    texts = [[step["content"] for step in watcher.steps] for watcher in watchers]
    assert texts == [[f"An answer to {question}"] for question in QUESTIONS]
    assert {key: (run.status, run.attempt) for key, run in stored.runs().items()} == {
        each["run_id"]: ("complete", 3) for each in sent
    }
    assert sorted(stored.questions()) == sorted(QUESTIONS)
    assert [stored.steps(each["run_id"]) for each in sent] == [[("text", *words)] for words in texts]
    assert set(script.calls.values()) == {3}
