from __future__ import annotations

import asyncio

import pytest

from tests.faults.deployment import Deployment
from tests.faults.points import Script
from tests.faults.waiting import until
from tests.modelserver import answer, hang, model_server, text

pytestmark = pytest.mark.faults

QUESTIONS = [f"Question {number}" for number in range(20)]
CUT = [text("An "), hang()]


async def test_killed_and_then_stopped_none_is_lost_none_is_doubled_and_none_stays_live(deployment: Deployment) -> None:
    script = Script({question: [CUT, CUT, answer(f"An answer to {question}")] for question in QUESTIONS})
    stored = deployment.stored
    async with model_server(script) as model, deployment.server(model) as server, asyncio.timeout(300):
        await server.start()
        async with deployment.client(server) as ada:
            sent = [await ada.call("message.send", text=question) for question in QUESTIONS]
        watchers = [deployment.watch(server, each) for each in sent]
        await until(lambda: all(stored.steps(each["run_id"]) for each in sent), "all have begun to answer")
        server.kill()
        await server.start()
        await until(lambda: sum(script.asked.values()) == 2 * len(QUESTIONS), "all are asked again")
        server.terminate()
        assert await server.ended() == 0
        await server.start()
        for watcher in watchers:
            await watcher.ended()
    told = [[step["content"] for step in watcher.steps] for watcher in watchers]
    assert told == [[f"An answer to {question}"] for question in QUESTIONS]
    assert {key: (run.status, run.attempt) for key, run in stored.runs().items()} == {
        each["run_id"]: ("complete", 3) for each in sent
    }
    assert sorted(stored.questions()) == sorted(QUESTIONS)
    assert [stored.steps(each["run_id"]) for each in sent] == [[("text", *words)] for words in told]
    assert set(script.asked.values()) == {3}
