"""A conversation has at most one live run, and a user at most `LIMIT_RUNS_PER_USER`; other questions are refused."""

from __future__ import annotations

import asyncio

import pytest

from conversations.models import Conversation, Message, Run
from tests.client import CallError
from tests.modelserver import Gate, answer
from tests.protocol.talk import expect_error, gated_answer, talk

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_conversation_with_a_live_run_refuses_questions() -> None:
    gate = Gate()
    async with talk(gated_answer(gate), answer("Yes")) as t, t.site.client() as tab:
        sent = await t.ada.call("message.send", text="Hi")
        where = {"conversation_id": sent["conversation_id"]}
        for client in (t.ada, tab):
            error = await expect_error(client, "message.send", text="And?", **where)
            assert (error.code, error.data) == (-32000, {"code": "run_active"})
        assert await Message.objects.acount() == 2
        gate.open()
        await t.ada.ended(sent["run_id"])
        await t.ask("And?", **where)
        assert [m["content"]["text"] for m in await t.messages(sent["conversation_id"])] == [
            "Hi",
            "Hello",
            "And?",
            "Yes",
        ]


async def test_two_questions_at_once_start_one_run() -> None:
    gate = Gate()
    async with talk(gated_answer(gate)) as t, t.site.client() as tab:
        created = (await t.ada.call("conversation.create"))["conversation"]
        requests = [client.call("message.send", text="Hi", conversation_id=created["id"]) for client in (t.ada, tab)]
        one, other = sorted(
            await asyncio.gather(*requests, return_exceptions=True), key=lambda r: isinstance(r, Exception)
        )
        assert isinstance(other, CallError)
        assert other.data == {"code": "run_active"}
        assert isinstance(one, dict)
        assert await Run.objects.acount() == 1
        gate.open()
        await t.ada.call("conversation.subscribe", conversation_id=created["id"], run_id=one["run_id"])
        await t.ada.ended(one["run_id"])


async def test_a_user_cannot_exceed_the_limit_of_live_runs() -> None:
    gate = Gate()
    async with talk(gated_answer(gate), answer("Yes"), LIMIT_RUNS_PER_USER=1) as t, t.site.client("bob") as bob:
        sent = await t.ada.call("message.send", text="Hi")
        error = await expect_error(t.ada, "message.send", text="And this?")
        assert (error.code, error.data["code"]) == (-32000, "rate_limited")
        assert error.data["retry_after"] > 0
        assert await Conversation.objects.acount() == 1
        other = await bob.call("message.send", text="Hi")
        assert (await bob.ended(other["run_id"]))["params"]["status"] == "complete"
        gate.open()
        await t.ada.ended(sent["run_id"])
        await t.ask("And this?")


async def test_notifications_of_consecutive_runs_are_in_order() -> None:
    async with talk(answer("One two three"), answer("Four five six")) as t, t.site.client() as tab:
        created = (await t.ada.call("conversation.create"))["conversation"]
        await tab.call("conversation.subscribe", conversation_id=created["id"])
        runs = [(await t.ask(text, conversation_id=created["id"]))["run_id"] for text in ("First?", "Second?")]
        await tab.ended(runs[1])
        for client in (t.ada, tab):
            run_ids = [n["params"]["run_id"] for n in client.notifications if "run_id" in n["params"]]
            assert run_ids == sorted(run_ids, key=runs.index)
            questions = [m["message"]["content"]["text"] for m in client.received("message_added")]
            assert questions == ["First?", "Second?"]
        order = [n["method"] for n in tab.notifications if n["method"] in ("message_added", "run_started", "done")]
        assert order == ["message_added", "run_started", "done"] * 2


async def test_a_question_sent_right_after_done_is_accepted() -> None:
    async with talk(answer("Yes"), LIMIT_RUNS_PER_USER=1) as t:
        created = (await t.ada.call("conversation.create"))["conversation"]
        for number in range(5):
            await t.ask(f"Question {number}", conversation_id=created["id"])
            got = await t.ada.call("conversation.get", conversation_id=created["id"])
            assert (got["run"], got["conversation"]["run_id"]) == (None, None)
            assert got["messages"][-1]["status"] == "complete"
            assert len(got["messages"]) == 2 * number + 2
