"""A subscriber gets every notification of a run once and in order, no matter when it subscribes."""

from __future__ import annotations

import asyncio

import pytest

from tests.client import Client
from tests.modelserver import Gate, answer, calls, text, thinking, tool_call
from tests.protocol.talk import gated_answer, run_notifications, talk

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_client_that_subscribes_during_a_run_gets_the_steps_so_far_and_then_the_rest() -> None:
    gate = Gate()
    asks_for_tool = calls(thinking("Let me see"), tool_call("calculator", {"expression": "6*7"}))
    async with talk(asks_for_tool, gated_answer(gate)) as t, t.site.client() as late:
        sent = await t.ada.call("message.send", text="What is 6*7?")
        await t.ada.until("process_step", type="text")
        got = await late.call("conversation.subscribe", conversation_id=sent["conversation_id"])
        assert got["run"]["id"] == got["conversation"]["run_id"] == sent["run_id"]
        assert got["run"]["status"] == "running"
        assert got["run"]["message_id"] == sent["assistant_message_id"]
        assert got["run"]["user_message_id"] == sent["message_id"]
        await late.until("process_step", type="text")
        assert run_notifications(late, sent["run_id"]) == ["run_started"] + ["process_step"] * 4
        assert [s["content"] for s in late.steps(sent["run_id"]) if s["type"] == "text"] == ["Hel"]
        gate.open()
        assert await late.ended(sent["run_id"]) == await t.ada.ended(sent["run_id"])
        assert late.steps(sent["run_id"]) == t.ada.steps(sent["run_id"])
        assert [s["type"] for s in late.steps(sent["run_id"])] == ["thinking", "tool_call", "tool_result", "text"]
        assert late.steps(sent["run_id"])[-1]["content"] == "Hello"


async def test_subscribing_twice_changes_nothing() -> None:
    gate = Gate()
    async with talk(gated_answer(gate)) as t:
        sent = await t.ada.call("message.send", text="Hi")
        await t.ada.until("process_step", type="text")
        for params in ({}, {"run_id": sent["run_id"]}):
            again = await t.ada.call("conversation.subscribe", conversation_id=sent["conversation_id"], **params)
            assert again["run"]["id"] == sent["run_id"]
        gate.open()
        await t.ada.ended(sent["run_id"])
        again = await t.ada.call(
            "conversation.subscribe", conversation_id=sent["conversation_id"], run_id=sent["run_id"]
        )
        assert again["run"] is None
        await t.ada.call("models.list")
        methods = run_notifications(t.ada, sent["run_id"])
        assert (methods.count("run_started"), methods.count("process_step"), methods.count("done")) == (1, 1, 1)


async def test_a_client_that_unsubscribes_gets_no_more_notifications() -> None:
    gate = Gate()
    async with talk(gated_answer(gate)) as t, t.site.client() as late:
        sent = await t.ada.call("message.send", text="Hi")
        where = {"conversation_id": sent["conversation_id"]}
        await late.call("conversation.subscribe", **where)
        await late.until("process_step", type="text")
        assert await late.call("conversation.unsubscribe", **where) == {}
        before = len(run_notifications(late, sent["run_id"]))
        gate.open()
        await t.ada.ended(sent["run_id"])
        await t.ask("And now?", **where)
        await late.call("models.list")
        assert len(run_notifications(late, sent["run_id"])) == before
        assert late.received("message_added") == []
        assert await late.call("conversation.unsubscribe", **where) == {}


async def test_a_client_that_unsubscribes_and_resubscribes_gets_the_run_from_the_start() -> None:
    gate = Gate()
    async with talk(gated_answer(gate)) as t:
        sent = await t.ada.call("message.send", text="Hi")
        where = {"conversation_id": sent["conversation_id"]}
        await t.ada.until("process_step", type="text")
        await t.ada.call("conversation.unsubscribe", **where)
        await t.ada.call("conversation.subscribe", **where)
        await t.ada.until("process_step", count=2, type="text")
        gate.open()
        await t.ada.ended(sent["run_id"])
        assert t.ada.steps(sent["run_id"])[0]["content"] == "Hello"


async def test_a_second_connection_gets_the_question_and_the_answer() -> None:
    async with talk(answer("Hello", completion=3)) as t, t.site.client() as tab:
        created = (await t.ada.call("conversation.create"))["conversation"]
        got = await tab.call("conversation.subscribe", conversation_id=created["id"])
        assert got == {"conversation": created, "run": None}
        sent = await t.ask("Hi", conversation_id=created["id"])
        await tab.ended(sent["run_id"])
        question = (await tab.until("message_added"))["message"]
        assert (question["id"], question["content"]["text"]) == (sent["message_id"], "Hi")
        assert (question["parent_id"], question["siblings"]) == (None, [sent["message_id"]])
        started = await tab.until("run_started")
        assert started["user_message_id"] == sent["message_id"]
        assert started["message_id"] == sent["assistant_message_id"]
        order = [n["method"] for n in tab.notifications if n["method"] not in ("hello", "conversation_changed")]
        assert order[:3] == ["message_added", "run_started", "process_step"]
        assert order[-1] == "done"
        assert tab.steps(sent["run_id"]) == t.ada.steps(sent["run_id"])
        assert t.ada.received("message_added") == tab.received("message_added")


async def test_conversation_changed_goes_to_every_connection_of_the_owner_and_nobody_else() -> None:
    gate = Gate()
    async with talk(gated_answer(gate)) as t, t.site.client() as tab, t.site.client("bob") as bob:
        sent = await t.ada.call("message.send", text="What is a bee?")
        changed = await tab.until("conversation_changed", count=1)
        assert changed["conversation"]["id"] == sent["conversation_id"]
        assert changed["conversation"]["run_id"] == sent["run_id"]
        assert changed["conversation"]["title"] == "What is a bee?"
        gate.open()
        await t.ada.ended(sent["run_id"])
        await wait_until_idle(tab, sent["conversation_id"])
        count = len(tab.received("conversation_changed"))
        created = await t.ada.call("conversation.create", title="Wasps")
        assert await tab.until("conversation_changed", count=count + 1) == created
        await bob.call("models.list")
        assert [n["method"] for n in bob.notifications] == ["hello"]
        assert {n["method"] for n in tab.notifications} == {"hello", "conversation_changed"}


async def test_clients_that_subscribe_at_different_times_each_get_the_whole_run_once() -> None:
    words = [f"word{i} " for i in range(60)]
    async with talk([thinking("Hm"), *map(text, words)]) as t:
        sent = await t.ada.call("message.send", text="Talk")

        async def subscribe_after(turns: int) -> Client:
            async with t.site.client() as late:
                for _ in range(turns):
                    await asyncio.sleep(0)
                await late.call(
                    "conversation.subscribe", conversation_id=sent["conversation_id"], run_id=sent["run_id"]
                )
                await late.ended(sent["run_id"])
                await late.call("models.list")
            return late

        clients = await asyncio.gather(*(subscribe_after(7 * number) for number in range(16)))
        await t.ada.ended(sent["run_id"])
        for late in clients:
            assert late.steps(sent["run_id"]) == t.ada.steps(sent["run_id"])
            assert len(late.received("done")) + len(late.received("error")) == 1


async def wait_until_idle(client: Client, conversation_id: str) -> None:
    """Waits until the latest `conversation_changed` says that this conversation has no live run."""
    while True:
        changes = client.received("conversation_changed")
        latest = changes[-1]["conversation"]
        if latest["id"] == conversation_id and latest["run_id"] is None:
            return
        await client.until("conversation_changed", count=len(changes) + 1)
