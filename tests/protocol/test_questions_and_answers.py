"""A question is stored, and its answer is streamed and stored."""

from __future__ import annotations

import pytest

from conversations.models import Message, Run, Step, TokenUsage
from tests.modelserver import answer, calls, model_server, tool_call
from tests.site import running_site

pytestmark = pytest.mark.django_db(transaction=True)


async def test_an_answer_is_streamed_as_steps_and_stored() -> None:
    async with (
        model_server(answer("Hello, world", thought="Let me see", prompt=12, completion=7)) as model,
        running_site(model) as site,
        site.client() as ada,
    ):
        sent = await ada.call("message.send", text="Say hello")
        end = await ada.ended(sent["run_id"])
        assert end["method"] == "done"
        assert end["params"]["status"] == "complete"
        assert end["params"]["finish_reason"] == "stop"
        assert (end["params"]["prompt_tokens"], end["params"]["completion_tokens"]) == (12, 7)
        assert [(s["type"], s["content"]) for s in ada.steps(sent["run_id"])] == [
            ("thinking", "Let me see"),
            ("text", "Hello, world"),
        ]
        got = await ada.call("conversation.get", conversation_id=sent["conversation_id"])
        assert [m["content"]["text"] for m in got["messages"]] == ["Say hello", "Hello, world"]
        assert [s["content"] for s in got["messages"][1]["content"]["steps"]] == ["Let me see", "Hello, world"]
        assert got["run"] is None
        usage = await TokenUsage.objects.aget()
        assert (usage.prompt_tokens, usage.completion_tokens, usage.estimated) == (12, 7, False)


async def test_tools_are_called_and_their_results_are_sent_to_the_model() -> None:
    async with (
        model_server(calls(tool_call("calculator", {"expression": "6*7"})), answer("It is 42.")) as model,
        running_site(model) as site,
        site.client() as ada,
    ):
        sent = await ada.call("message.send", text="What is 6*7?")
        await ada.ended(sent["run_id"])
        call, result, text = ada.steps(sent["run_id"])
        assert (call["type"], call["name"], call["status"]) == ("tool_call", "calculator", "finished")
        assert (result["type"], result["success"], result["id_ref"]) == ("tool_result", True, call["id_ref"])
        assert text["content"] == "It is 42."
        again = model.requests[1].body["messages"]
        assert [m["role"] for m in again] == ["system", "user", "assistant", "tool"]
        assert again[3]["content"] == result["content"]
        assert await Step.objects.acount() == 3
        assert (await Message.objects.aget(role="assistant")).text == "It is 42."
        assert (await Run.objects.aget()).iteration == 2
