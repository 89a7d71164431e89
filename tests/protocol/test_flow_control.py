"""A client that asked for it has at most a window of bytes under way, and loses nothing by that.

Tests' contracts count the bytes strictly (tests/protocol/contract.py).
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.client import Client
from tests.modelserver import Gate, Part, answer, calls, done, finish, model_server, text, thinking, tool_call, wait_for
from tests.protocol.talk import Talk, talk, wrong_fields
from tests.site import running_site

pytestmark = pytest.mark.django_db(transaction=True)

SMALLEST, LARGEST = 16_384, 4_194_304
MIXED = 'word é😀\x01" ' * 8_000
FAST: dict[str, Any] = {"LIMIT_FRAMES_PER_SECOND": 10_000}


async def take_all(client: Client, run_id: str) -> None:
    """Acknowledges whatever comes until the run has ended."""

    def ended() -> bool:
        return any(end["run_id"] == run_id for end in client.of("done") + client.of("error"))

    acknowledged = -1
    async with asyncio.timeout(30):
        while not ended():
            if client.taken > acknowledged:
                acknowledged = client.taken
                await client.acknowledge(acknowledged)
            await asyncio.sleep(0.001)


async def has_settled(t: Talk) -> None:
    """What the server does at once is done: another connection of the same loop has gone round several times."""
    async with t.site.client("bob") as bob:
        for _ in range(5):
            await bob.call("models.list")


async def long_conversation(t: Talk, length: int = 50_000) -> dict[str, Any]:
    return await t.ask("x" * length)


@pytest.mark.parametrize("window", [SMALLEST, 100_000, LARGEST])
async def test_nothing_beyond_the_window_comes_unacknowledged_and_nothing_is_lost_or_doubled(window: int) -> None:
    reply = [thinking(MIXED), *(text(MIXED[i : i + 1000]) for i in range(0, len(MIXED), 1000)), finish(), done()]
    async with talk(calls(tool_call("no_such_tool", MIXED)), reply, **FAST) as t, t.site.client() as tab:
        made = (await tab.call("conversation.create"))["conversation"]
        await tab.call("conversation.subscribe", conversation_id=made["id"])
        await t.ada.call("flow.start", window=window)
        sent = await t.ada.call("message.send", text="Hi", conversation_id=made["id"])
        await tab.ended(sent["run_id"])
        if window == LARGEST:
            await t.ada.ended(sent["run_id"])
        else:
            await has_settled(t)
            assert 0 < t.ada.taken <= window
            assert not t.ada.of("done")
        await take_all(t.ada, sent["run_id"])
        assert t.ada.steps(sent["run_id"]) == tab.steps(sent["run_id"])
        assert [s.get("content", s.get("arguments")) for s in t.ada.steps(sent["run_id"])][2:] == [MIXED, MIXED]


async def test_what_comes_meanwhile_is_merged() -> None:
    gate = Gate()
    words: list[Part] = [text("word ") for _ in range(500)]
    async with talk([text("x" * 40_000), wait_for(gate), *words, finish(), done()], **FAST) as t:
        async with t.site.client() as tab:
            await t.ada.call("flow.start", window=SMALLEST)
            sent = await t.ada.call("message.send", text="Hi")
            await tab.call("conversation.subscribe", conversation_id=sent["conversation_id"], run_id=sent["run_id"])
            await t.ada.until("process_step", type="text")
            gate.open()
            await tab.ended(sent["run_id"])
        await take_all(t.ada, sent["run_id"])
        assert t.ada.steps(sent["run_id"])[0]["content"] == "x" * 40_000 + "word " * 500
        parts = [delta["text"] for delta in t.ada.of("step_delta")]
        assert len([part for part in parts if "word" in part]) <= 3


async def test_an_answer_larger_than_the_window_comes_alone() -> None:
    async with talk(answer("Yes"), **FAST) as t:
        where = {"conversation_id": (await long_conversation(t))["conversation_id"]}
        await t.ada.call("flow.start", window=SMALLEST)
        assert (await t.ada.call("conversation.get", **where))["messages"][0]["content"]["text"] == "x" * 50_000
        waiting = await t.ada.send("models.list")
        await has_settled(t)
        assert "result" not in t.ada.frames[-1] or t.ada.frames[-1]["id"] != waiting
        await t.ada.acknowledge()
        await t.ada.answer(waiting)


@pytest.mark.parametrize("counts_answer", [True, False])
async def test_the_answer_to_the_start_counts_or_not_as_the_client_likes(counts_answer: bool) -> None:
    async with talk(answer("Yes"), **FAST) as t:
        where = {"conversation_id": (await long_conversation(t))["conversation_id"]}
        await t.ada.call("flow.start", window=SMALLEST)
        before = 0 if counts_answer else t.ada.taken
        for _ in range(3):
            await t.ada.call("conversation.get", **where)
            await t.ada.acknowledge(t.ada.taken - before)


async def test_what_was_asked_for_before_the_start_does_not_count() -> None:
    async with talk(answer("Yes"), **FAST) as t:
        where = {"conversation_id": (await long_conversation(t))["conversation_id"]}
        numbers = [await t.ada.send("conversation.get", **where) for _ in range(3)]
        await t.ada.call("flow.start", window=SMALLEST)
        for _ in range(2):
            await t.ada.acknowledge()
            numbers.append(await t.ada.send("conversation.get", **where))
            await t.ada.answer(numbers[-1])
        assert [f["id"] for f in t.ada.frames if f.get("id") in numbers] == numbers


async def test_to_acknowledge_more_than_was_sent_is_to_acknowledge_all_that_was() -> None:
    async with talk(answer("x" * 60_000), **FAST) as t, t.site.client() as tab:
        await t.ada.call("flow.start", window=SMALLEST)
        await t.ada.acknowledge(10**15)
        sent = await t.ada.call("message.send", text="Hi")
        await tab.call("conversation.subscribe", conversation_id=sent["conversation_id"], run_id=sent["run_id"])
        await tab.ended(sent["run_id"])
        await has_settled(t)
        assert t.ada.taken <= SMALLEST
        await take_all(t.ada, sent["run_id"])
        assert t.ada.steps(sent["run_id"]) == tab.steps(sent["run_id"])


async def test_less_than_before_takes_nothing_back() -> None:
    async with talk(answer("Yes"), **FAST) as t:
        where = {"conversation_id": (await long_conversation(t))["conversation_id"]}
        await t.ada.call("flow.start", window=SMALLEST)
        await t.ada.call("conversation.get", **where)
        await t.ada.acknowledge()
        await t.ada.acknowledge(0)
        await t.ada.call("conversation.get", **where)


async def test_an_acknowledgement_needs_no_start_and_no_id_and_may_have_one() -> None:
    async with talk(answer("Yes")) as t:
        await t.ada.acknowledge(5)
        assert await t.ada.call("flow.ack", bytes=0) == {}
        assert [f["id"] for f in t.ada.frames if "id" in f] == [1]


async def test_starting_again_counts_anew_also_where_the_first_window_was_full() -> None:
    async with talk(answer("x" * 60_000), **FAST) as t, t.site.client() as tab:
        await t.ada.call("flow.start", window=SMALLEST)
        sent = await t.ada.call("message.send", text="Hi")
        await tab.call("conversation.subscribe", conversation_id=sent["conversation_id"], run_id=sent["run_id"])
        await tab.ended(sent["run_id"])
        await has_settled(t)
        await t.ada.call("flow.start", window=2 * SMALLEST)
        await has_settled(t)
        assert t.ada.taken <= 2 * SMALLEST
        await take_all(t.ada, sent["run_id"])
        assert t.ada.steps(sent["run_id"]) == tab.steps(sent["run_id"])


async def test_a_window_may_be_opened_in_the_middle_of_a_run() -> None:
    gate = Gate()
    reply = [text("x" * 30_000), wait_for(gate), text("y" * 300_000), finish(), done()]
    async with talk(reply, **FAST) as t, t.site.client() as tab:
        sent = await t.ada.call("message.send", text="Hi")
        await tab.call("conversation.subscribe", conversation_id=sent["conversation_id"])
        await t.ada.until("process_step", type="text")
        await t.ada.call("flow.start", window=SMALLEST)
        gate.open()
        await tab.ended(sent["run_id"])
        await has_settled(t)
        assert t.ada.taken <= SMALLEST
        await take_all(t.ada, sent["run_id"])
        assert t.ada.steps(sent["run_id"]) == tab.steps(sent["run_id"])


async def test_a_client_that_acknowledges_nothing_gets_no_more_and_holds_up_nobody() -> None:
    async with model_server(answer("x" * 60_000)) as model, running_site(model) as site, site.client() as tab:
        async with site.client() as ada:
            await ada.call("flow.start", window=SMALLEST)
            sent = await ada.call("message.send", text="Hi")
            await tab.call("conversation.subscribe", conversation_id=sent["conversation_id"], run_id=sent["run_id"])
            assert (await tab.ended(sent["run_id"]))["params"]["status"] == "complete"
            assert not ada.of("done")
        await tab.call("message.send", text="And?", conversation_id=sent["conversation_id"])


async def test_a_window_has_16_kb_to_4_mb() -> None:
    async with talk(answer("")) as t:
        for window in (SMALLEST - 1, LARGEST + 1, 0, -1, None, "16384", 16_384.5, True):
            assert await wrong_fields(t.ada, "flow.start", window=window) == {"window"}
        for taken in (-1, None, "1", 0.5):
            assert await wrong_fields(t.ada, "flow.ack", bytes=taken) == {"bytes"}
        for window in (SMALLEST, LARGEST):
            assert await t.ada.call("flow.start", window=window) == {}
