"""`conversation.delete` cancels a live run, deletes the conversation, and keeps its token usage."""

from __future__ import annotations

import pytest

from conversations.models import Conversation, Message, Run, Step, TokenUsage
from tests.modelserver import Gate, answer, calls, hang, settled, text, tool_call
from tests.protocol.talk import expect_error, gated_answer, run_notifications, talk

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_deleted_conversation_is_gone_and_every_connection_is_notified() -> None:
    async with talk(answer("Hello")) as t, t.site.client() as follower, t.site.client() as tab:
        sent = await t.ask("Hi")
        where = {"conversation_id": sent["conversation_id"]}
        await follower.call("conversation.subscribe", **where)
        assert await t.ada.call("conversation.delete", **where) == {}
        for client in (t.ada, follower, tab):
            assert await client.until("conversation_deleted") == where
            assert len(client.received("done")) == (1 if client is t.ada else 0)
        for method in ("conversation.get", "conversation.delete", "conversation.subscribe", "conversation.update"):
            assert (await expect_error(t.ada, method, **where)).data == {"code": "not_found"}
        assert (await expect_error(t.ada, "message.send", text="x", **where)).data == {"code": "not_found"}
        assert (await expect_error(t.ada, "run.cancel", run_id=sent["run_id"])).data == {"code": "not_found"}
        assert (await t.ada.call("conversation.list"))["conversations"] == []
        assert len(t.ada.received("conversation_deleted")) == 1
        for rows in (Conversation, Message, Run, Step):
            assert await rows._default_manager.acount() == 0
        usage = await TokenUsage.objects.aget()
        assert (usage.user_id, usage.conversation_id) == ((await t.site.user()).pk, None)
        assert (usage.prompt_tokens, usage.completion_tokens) == (10, 5)


async def test_deleting_cancels_a_live_run_first() -> None:
    asks_for_tool = calls(tool_call("calculator", {"expression": "6*7"}))
    async with (
        talk(asks_for_tool, [text("Hel"), hang()]) as t,
        t.site.client() as follower,
        t.site.client() as tab,
        t.site.client("bob") as bob,
    ):
        sent = await t.ada.call("message.send", text="Hi")
        where = {"conversation_id": sent["conversation_id"]}
        await follower.call("conversation.subscribe", **where)
        for client in (t.ada, follower):
            await client.until("process_step", type="text")
        number = await tab.send("conversation.delete", **where)
        for client in (t.ada, follower, tab):
            await client.until("conversation_deleted", **where)
        await settled(t.model.requests[1].abandoned)
        for client in (t.ada, follower):
            end = (await client.ended(sent["run_id"]))["params"]
            assert (end["status"], end["finish_reason"]) == ("cancelled", "cancelled")
            assert [n["method"] for n in client.notifications][-2:] == ["done", "conversation_deleted"]
            assert run_notifications(client, sent["run_id"]).count("done") == 1
        order = [frame.get("id") or frame["method"] for frame in tab.frames]
        assert order.index(number) < order.index("conversation_deleted")
        assert run_notifications(tab, sent["run_id"]) == []
        await bob.call("models.list")
        assert bob.received("conversation_deleted") == []
        ledger = [u async for u in TokenUsage.objects.order_by("iteration")]
        assert [(u.iteration, u.estimated) for u in ledger] == [(1, False), (2, True)]
        assert {(u.run_id, u.conversation_id) for u in ledger} == {(None, None)}
        assert sum(u.completion_tokens for u in ledger) == end["completion_tokens"]
        assert ledger[1].completion_tokens > 0
        assert await Run.objects.acount() == await Message.objects.acount() == 0


async def test_the_result_of_deleting_arrives_before_done() -> None:
    async with talk([text("Hel"), hang()]) as t:
        sent = await t.ada.call("message.send", text="Hi")
        number = await t.ada.send("conversation.delete", conversation_id=sent["conversation_id"])
        await t.ada.until("conversation_deleted")
        order = [frame.get("id") or frame["method"] for frame in t.ada.frames]
        assert order[-2:] == ["done", "conversation_deleted"]
        assert order.index(number) < order.index("done")


async def test_a_conversation_can_be_deleted_just_after_the_start_and_just_before_the_end_of_a_run() -> None:
    gate = Gate()
    async with talk(gated_answer(gate), gated_answer(gate)) as t:
        number = await t.ada.send("message.send", text="Hi")
        first = (await t.ada.response(number))["result"]
        await t.ada.call("conversation.delete", conversation_id=first["conversation_id"])
        await t.ada.until("conversation_deleted", conversation_id=first["conversation_id"])
        second = await t.ada.call("message.send", text="Hi")
        await t.ada.until("process_step", run_id=second["run_id"])
        gate.open()
        await t.ada.call("conversation.delete", conversation_id=second["conversation_id"])
        await t.ada.until("conversation_deleted", conversation_id=second["conversation_id"])
        for sent in (first, second):
            assert run_notifications(t.ada, sent["run_id"]).count("done") == 1
        await t.ask("Still there?")


async def test_a_conversation_of_another_user_cannot_be_deleted() -> None:
    async with talk(answer("Hello")) as t, t.site.client("bob") as bob:
        sent = await t.ask("Hi")
        for conversation_id in (sent["conversation_id"], sent["message_id"], "nowhere"):
            error = await expect_error(bob, "conversation.delete", conversation_id=conversation_id)
            assert (error.code, error.data) == (-32000, {"code": "not_found"})
        assert len(await t.messages(sent["conversation_id"])) == 2
        assert t.ada.received("conversation_deleted") == []
