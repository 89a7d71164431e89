"""A client that got no response to message.send sends it again with the same request_id."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.cluster import Cluster
from tests.faults.deployment import Deployment
from tests.faults.points import FINAL, ScriptedModel
from tests.modelserver import answer, model_server

pytestmark = pytest.mark.faults

QUESTION = {"text": "Tell me", "request_id": "the first"}


async def test_a_question_repeated_after_kills_before_and_after_its_commit_is_asked_once(
    deployment: Deployment,
) -> None:
    script = ScriptedModel({"Tell me": [answer(FINAL)]})
    async with model_server(script) as model, deployment.server(model) as server:
        await server.start()
        for failpoint in ("ask_once-before-commit", "ask_once-after-commit"):
            server.hold(failpoint)
            async with deployment.client(server) as ada:
                await ada.send("message.send", **QUESTION)
                await server.reached(failpoint)
                server.kill()
                assert await ada.closed() == 1006
            assert len(deployment.stored.questions()) == (failpoint == "ask_once-after-commit")
            await server.start()
        async with deployment.client(server) as ada:
            sent = await ada.call("message.send", **QUESTION)
            assert await ada.call("message.send", **QUESTION) == sent
            await deployment.stored.all_ended()
            got = await ada.call("conversation.get", conversation_id=sent["conversation_id"])
        assert [message["content"]["text"] for message in got["messages"]] == ["Tell me", FINAL]
        assert list(deployment.stored.runs()) == [sent["run_id"]]
        assert script.calls["Tell me"] == 1


@pytest.mark.requires_postgres
@pytest.mark.requires_redis
async def test_a_question_sent_to_two_processes_at_once_is_asked_once(cluster: Cluster) -> None:
    questions = [f"Question {number}" for number in range(20)]
    script = ScriptedModel({question: [answer(FINAL)] for question in questions})
    async with (
        model_server(script) as model,
        cluster.server(model) as one,
        cluster.server(model) as two,
    ):
        await asyncio.gather(one.start(), two.start())
        async with cluster.client(one) as here, cluster.client(two) as there:
            for question in questions:
                asked = [client.call("message.send", text=question, request_id=question) for client in (here, there)]
                first, second = await asyncio.gather(*asked)
                assert first == second
                for client in (here, there):
                    assert (await client.ended(first["run_id"]))["params"]["status"] == "complete"
        assert sorted(cluster.stored.questions()) == sorted(questions)
        assert len(cluster.stored.runs()) == len(questions)
        assert set(script.calls.values()) == {1}
