"""`run.cancel` stops a run from any connection of its owner and keeps the partial answer."""

from __future__ import annotations

import pytest

from conversations.models import Message, Run, TokenUsage
from tests.modelserver import Gate, answer, calls, hang, settled, text, thinking, tool_call
from tests.protocol.talk import gated_answer, run_notifications, talk

pytestmark = pytest.mark.django_db(transaction=True)


async def test_cancelling_from_another_connection_keeps_the_partial_answer() -> None:
    async with talk([thinking("Hm"), text("Hel"), hang()], answer("Again")) as t, t.site.client() as tab:
        sent = await t.ada.call("message.send", text="Hi")
        await t.ada.until("process_step", type="text")
        assert await tab.call("run.cancel", run_id=sent["run_id"]) == {}
        await settled(t.model.requests[0].abandoned)
        end = await t.ada.ended(sent["run_id"])
        assert end["method"] == "done"
        assert (end["params"]["status"], end["params"]["finish_reason"]) == ("cancelled", "cancelled")
        message = (await t.messages(sent["conversation_id"]))[-1]
        assert (message["status"], message["content"]["text"]) == ("cancelled", "Hel")
        assert [s["content"] for s in message["content"]["steps"]] == ["Hm", "Hel"]
        usage = await TokenUsage.objects.aget()
        assert usage.estimated
        assert usage.completion_tokens == end["params"]["completion_tokens"] > 0
        assert usage.prompt_tokens == end["params"]["prompt_tokens"] > 0
        await t.ask("Once more", conversation_id=sent["conversation_id"])


async def test_cancelling_a_finished_run_does_nothing() -> None:
    async with talk(answer("Hello")) as t:
        sent = await t.ask("Hi")
        for _ in range(2):
            assert await t.ada.call("run.cancel", run_id=sent["run_id"]) == {}
        assert run_notifications(t.ada, sent["run_id"]).count("done") == 1
        assert (await t.messages(sent["conversation_id"]))[-1]["status"] == "complete"
        assert (await Run.objects.aget()).status == "complete"


async def test_the_result_of_cancelling_arrives_before_done() -> None:
    async with talk([text("Hel"), hang()]) as t:
        sent = await t.ada.call("message.send", text="Hi")
        number = await t.ada.send("run.cancel", run_id=sent["run_id"])
        await t.ada.ended(sent["run_id"])
        order = [frame.get("id") or frame["method"] for frame in t.ada.frames]
        assert order.index(number) < order.index("done")


async def test_a_run_can_be_cancelled_before_its_first_token() -> None:
    async with talk([hang()]) as t:
        sent = await t.ada.call("message.send", text="Hi")
        await t.ada.call("run.cancel", run_id=sent["run_id"])
        end = await t.ada.ended(sent["run_id"])
        assert end["params"]["status"] == "cancelled"
        assert t.ada.steps(sent["run_id"]) == []
        assert (await Message.objects.aget(pk=sent["assistant_message_id"])).status == "cancelled"


async def test_cancelling_finishes_a_tool_call_with_incomplete_arguments() -> None:
    incomplete = tool_call("calculator", '{"expression": "6*', call_id="c")
    async with talk([incomplete, hang()], answer("Fine")) as t:
        sent = await t.ada.call("message.send", text="Hi")
        await t.ada.until("process_step", type="tool_call")
        await t.ada.call("run.cancel", run_id=sent["run_id"])
        await t.ada.ended(sent["run_id"])
        step = t.ada.steps(sent["run_id"])[0]
        assert (step["status"], step["arguments"]) == ("finished", '{"expression": "6*')
        call = (await t.messages(sent["conversation_id"]))[-1]["content"]["tool_calls"][0]
        assert (call["result"], call["success"]) == (None, None)
        await t.ask("Go on", conversation_id=sent["conversation_id"])
        roles = [m["role"] for m in t.model.requests[1].body["messages"]]
        assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]


async def test_concurrent_cancels_end_a_run_once() -> None:
    gate = Gate()
    asks_for_tool = calls(tool_call("calculator", {"expression": "1+1"}))
    async with talk(asks_for_tool, gated_answer(gate)) as t, t.site.client() as tab:
        sent = await t.ada.call("message.send", text="Hi")
        await t.ada.until("process_step", type="text")
        for client in (t.ada, tab, t.ada, tab):
            await client.send("run.cancel", run_id=sent["run_id"])
        end = await t.ada.ended(sent["run_id"])
        await t.ada.call("models.list")
        assert end["params"]["status"] == "cancelled"
        assert run_notifications(t.ada, sent["run_id"]).count("done") == 1
        assert await TokenUsage.objects.acount() == 2
