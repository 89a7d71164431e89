"""Whoever follows a conversation is told of a run everything, in order and once, whenever they come."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.client import Client
from tests.modelserver import Gate, answer, calls, text, thinking, tool_call
from tests.protocol.talk import halting, talk, told_of

pytestmark = pytest.mark.django_db(transaction=True)


async def test_one_who_comes_in_the_middle_gets_what_was_then_the_rest() -> None:
    gate = Gate()
    asks_for_tool = calls(thinking("Let me see"), tool_call("calculator", {"expression": "6*7"}))
    async with talk(asks_for_tool, halting(gate)) as t, t.site.client() as late:
        sent = await t.ada.call("message.send", text="What is 6*7?")
        await t.ada.until("process_step", type="text")
        got = await late.call("conversation.subscribe", conversation_id=sent["conversation_id"])
        assert got["run"]["id"] == got["conversation"]["run_id"] == sent["run_id"]
        assert got["run"]["status"] == "running"
        assert got["run"]["message_id"] == sent["assistant_message_id"]
        assert got["run"]["user_message_id"] == sent["message_id"]
        await late.until("process_step", type="text")
        assert told_of(late, sent["run_id"]) == ["run_started"] + ["process_step"] * 4
        assert [s["content"] for s in late.steps(sent["run_id"]) if s["type"] == "text"] == ["Hel"]
        gate.open()
        assert await late.ended(sent["run_id"]) == await t.ada.ended(sent["run_id"])
        assert late.steps(sent["run_id"]) == t.ada.steps(sent["run_id"])
        assert [s["type"] for s in late.steps(sent["run_id"])] == ["thinking", "tool_call", "tool_result", "text"]
        assert late.steps(sent["run_id"])[-1]["content"] == "Hello"


async def test_subscribing_twice_changes_nothing() -> None:
    gate = Gate()
    async with talk(halting(gate)) as t:
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
        told = told_of(t.ada, sent["run_id"])
        assert (told.count("run_started"), told.count("process_step"), told.count("done")) == (1, 1, 1)


async def test_one_who_unsubscribes_is_told_nothing_more() -> None:
    gate = Gate()
    async with talk(halting(gate)) as t, t.site.client() as late:
        sent = await t.ada.call("message.send", text="Hi")
        where = {"conversation_id": sent["conversation_id"]}
        await late.call("conversation.subscribe", **where)
        await late.until("process_step", type="text")
        assert await late.call("conversation.unsubscribe", **where) == {}
        before = len(told_of(late, sent["run_id"]))
        gate.open()
        await t.ada.ended(sent["run_id"])
        await t.ask("And now?", **where)
        await late.call("models.list")
        assert len(told_of(late, sent["run_id"])) == before
        assert late.of("message_added") == []
        assert await late.call("conversation.unsubscribe", **where) == {}


async def test_one_who_unsubscribes_and_comes_back_gets_it_from_the_beginning() -> None:
    gate = Gate()
    async with talk(halting(gate)) as t:
        sent = await t.ada.call("message.send", text="Hi")
        where = {"conversation_id": sent["conversation_id"]}
        await t.ada.until("process_step", type="text")
        await t.ada.call("conversation.unsubscribe", **where)
        await t.ada.call("conversation.subscribe", **where)
        await t.ada.until("process_step", count=2, type="text")
        gate.open()
        await t.ada.ended(sent["run_id"])
        assert t.ada.steps(sent["run_id"])[0]["content"] == "Hello"


async def test_a_second_tab_sees_the_question_and_the_answer() -> None:
    async with talk(answer("Hello", completion=3)) as t, t.site.client() as tab:
        made = (await t.ada.call("conversation.create"))["conversation"]
        got = await tab.call("conversation.subscribe", conversation_id=made["id"])
        assert got == {"conversation": made, "run": None}
        sent = await t.ask("Hi", conversation_id=made["id"])
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
        assert t.ada.of("message_added") == tab.of("message_added")


async def test_every_connection_of_a_person_learns_that_a_conversation_changed_and_nobody_else_does() -> None:
    gate = Gate()
    async with talk(halting(gate)) as t, t.site.client() as tab, t.site.client("bob") as bob:
        sent = await t.ada.call("message.send", text="What is a bee?")
        changed = await tab.until("conversation_changed", count=1)
        assert changed["conversation"]["id"] == sent["conversation_id"]
        assert changed["conversation"]["run_id"] == sent["run_id"]
        assert changed["conversation"]["title"] == "What is a bee?"
        gate.open()
        await t.ada.ended(sent["run_id"])
        await idle(tab, sent["conversation_id"])
        count = len(tab.of("conversation_changed"))
        made = await t.ada.call("conversation.create", title="Wasps")
        assert await tab.until("conversation_changed", count=count + 1) == made
        await bob.call("models.list")
        assert [n["method"] for n in bob.notifications] == ["hello"]
        assert {n["method"] for n in tab.notifications} == {"hello", "conversation_changed"}


async def test_many_who_come_at_any_moment_each_get_one_whole_run() -> None:
    words = [f"word{i} " for i in range(60)]
    async with talk([thinking("Hm"), *map(text, words)]) as t:
        sent = await t.ada.call("message.send", text="Talk")

        async def follow(delay: int) -> Client:
            async with t.site.client() as late:
                for _ in range(delay):
                    await asyncio.sleep(0)
                await late.call(
                    "conversation.subscribe", conversation_id=sent["conversation_id"], run_id=sent["run_id"]
                )
                await late.ended(sent["run_id"])
                await late.call("models.list")
            return late

        everyone = await asyncio.gather(*(follow(delay * 7) for delay in range(16)))
        await t.ada.ended(sent["run_id"])
        for late in everyone:
            assert late.steps(sent["run_id"]) == t.ada.steps(sent["run_id"])
            assert len(late.of("done")) + len(late.of("error")) == 1


async def idle(client: Client, conversation_id: str) -> dict[str, Any]:
    """Waits until the conversation is told to have no live run."""
    while True:
        changes = client.of("conversation_changed")
        latest = changes[-1]["conversation"]
        if latest["id"] == conversation_id and latest["run_id"] is None:
            found: dict[str, Any] = latest
            return found
        await client.until("conversation_changed", count=len(changes) + 1)
