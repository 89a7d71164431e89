"""After `flow.start`, the server keeps at most `window` bytes unacknowledged, and the client loses nothing.

Every client counts the bytes with its contract (tests/protocol/contract.py).
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.client import Client
from tests.modelserver import Gate, Part, answer, calls, done, finish, model_server, text, thinking, tool_call, wait_for
from tests.protocol.talk import Talk, invalid_fields, talk
from tests.site import Site, running_site

pytestmark = pytest.mark.django_db(transaction=True)

MIN_WINDOW, MAX_WINDOW = 16_384, 4_194_304
MIXED = 'word é😀\x01" ' * 8_000
HIGH_FRAME_LIMIT: dict[str, Any] = {"LIMIT_FRAMES_PER_SECOND": 10_000}


async def acknowledge_until_end(client: Client, run_id: str) -> None:
    """Acknowledges all received bytes until the run has ended."""

    def ended() -> bool:
        return any(end["run_id"] == run_id for end in client.received("done") + client.received("error"))

    acknowledged = -1
    async with asyncio.timeout(30):
        while not ended():
            if client.bytes_received > acknowledged:
                acknowledged = client.bytes_received
                await client.acknowledge(acknowledged)
            await asyncio.sleep(0.001)


async def let_server_send(site: Site) -> None:
    """Waits until the server has sent what it can, by several round trips of another connection in the same loop."""
    async with site.client("bob") as bob:
        for _ in range(5):
            await bob.call("models.list")


async def long_conversation(t: Talk, length: int = 50_000) -> dict[str, Any]:
    return await t.ask("x" * length)


@pytest.mark.parametrize("window", [MIN_WINDOW, 100_000, MAX_WINDOW])
async def test_unacknowledged_bytes_stay_within_the_window_and_nothing_is_lost_or_repeated(window: int) -> None:
    reply = [thinking(MIXED), *(text(MIXED[i : i + 1000]) for i in range(0, len(MIXED), 1000)), finish(), done()]
    async with talk(calls(tool_call("no_such_tool", MIXED)), reply, **HIGH_FRAME_LIMIT) as t, t.site.client() as tab:
        created = (await tab.call("conversation.create"))["conversation"]
        await tab.call("conversation.subscribe", conversation_id=created["id"])
        await t.ada.call("flow.start", window=window)
        sent = await t.ada.call("message.send", text="Hi", conversation_id=created["id"])
        await tab.ended(sent["run_id"])
        if window == MAX_WINDOW:
            await t.ada.ended(sent["run_id"])
        else:
            await let_server_send(t.site)
            assert 0 < t.ada.bytes_received <= window
            assert not t.ada.received("done")
        await acknowledge_until_end(t.ada, sent["run_id"])
        assert t.ada.steps(sent["run_id"]) == tab.steps(sent["run_id"])
        assert [s.get("content", s.get("arguments")) for s in t.ada.steps(sent["run_id"])][2:] == [MIXED, MIXED]


async def test_deltas_that_wait_for_an_acknowledgement_are_merged() -> None:
    gate = Gate()
    words: list[Part] = [text("word ") for _ in range(500)]
    async with talk([text("x" * 40_000), wait_for(gate), *words, finish(), done()], **HIGH_FRAME_LIMIT) as t:
        async with t.site.client() as tab:
            await t.ada.call("flow.start", window=MIN_WINDOW)
            sent = await t.ada.call("message.send", text="Hi")
            await tab.call("conversation.subscribe", conversation_id=sent["conversation_id"], run_id=sent["run_id"])
            await t.ada.until("process_step", type="text")
            gate.open()
            await tab.ended(sent["run_id"])
        await acknowledge_until_end(t.ada, sent["run_id"])
        assert t.ada.steps(sent["run_id"])[0]["content"] == "x" * 40_000 + "word " * 500
        parts = [delta["text"] for delta in t.ada.received("step_delta")]
        assert len([part for part in parts if "word" in part]) <= 3


async def test_a_response_larger_than_the_window_is_sent_alone() -> None:
    async with talk(answer("Yes"), **HIGH_FRAME_LIMIT) as t:
        where = {"conversation_id": (await long_conversation(t))["conversation_id"]}
        await t.ada.call("flow.start", window=MIN_WINDOW)
        assert (await t.ada.call("conversation.get", **where))["messages"][0]["content"]["text"] == "x" * 50_000
        waiting = await t.ada.send("models.list")
        await let_server_send(t.site)
        assert waiting not in [frame.get("id") for frame in t.ada.frames]
        await t.ada.acknowledge()
        await t.ada.response(waiting)


@pytest.mark.parametrize("counts_response", [True, False])
async def test_the_client_may_count_the_response_to_flow_start_or_not(counts_response: bool) -> None:
    async with talk(answer("Yes"), **HIGH_FRAME_LIMIT) as t:
        where = {"conversation_id": (await long_conversation(t))["conversation_id"]}
        await t.ada.call("flow.start", window=MIN_WINDOW)
        not_counted = 0 if counts_response else t.ada.bytes_received
        for _ in range(3):
            await t.ada.call("conversation.get", **where)
            await t.ada.acknowledge(t.ada.bytes_received - not_counted)


async def test_responses_before_flow_start_do_not_count() -> None:
    async with talk(answer("Yes"), **HIGH_FRAME_LIMIT) as t:
        where = {"conversation_id": (await long_conversation(t))["conversation_id"]}
        numbers = [await t.ada.send("conversation.get", **where) for _ in range(3)]
        await t.ada.call("flow.start", window=MIN_WINDOW)
        for _ in range(2):
            await t.ada.acknowledge()
            numbers.append(await t.ada.send("conversation.get", **where))
            await t.ada.response(numbers[-1])
        assert [f["id"] for f in t.ada.frames if f.get("id") in numbers] == numbers


async def test_acknowledging_more_than_was_sent_acknowledges_what_was_sent() -> None:
    async with talk(answer("x" * 60_000), **HIGH_FRAME_LIMIT) as t, t.site.client() as tab:
        await t.ada.call("flow.start", window=MIN_WINDOW)
        await t.ada.acknowledge(10**15)
        sent = await t.ada.call("message.send", text="Hi")
        await tab.call("conversation.subscribe", conversation_id=sent["conversation_id"], run_id=sent["run_id"])
        await tab.ended(sent["run_id"])
        await let_server_send(t.site)
        assert t.ada.bytes_received <= MIN_WINDOW
        await acknowledge_until_end(t.ada, sent["run_id"])
        assert t.ada.steps(sent["run_id"]) == tab.steps(sent["run_id"])


async def test_a_lower_acknowledgement_is_ignored() -> None:
    async with talk(answer("Yes"), **HIGH_FRAME_LIMIT) as t:
        where = {"conversation_id": (await long_conversation(t))["conversation_id"]}
        await t.ada.call("flow.start", window=MIN_WINDOW)
        await t.ada.call("conversation.get", **where)
        await t.ada.acknowledge()
        await t.ada.acknowledge(0)
        await t.ada.call("conversation.get", **where)


async def test_flow_ack_is_accepted_without_flow_start_and_with_or_without_an_id() -> None:
    async with talk(answer("Yes")) as t:
        await t.ada.acknowledge(5)
        assert await t.ada.call("flow.ack", bytes=0) == {}
        assert [f["id"] for f in t.ada.frames if "id" in f] == [1]


async def test_a_second_flow_start_restarts_the_count_even_when_the_first_window_was_full() -> None:
    async with talk(answer("x" * 60_000), **HIGH_FRAME_LIMIT) as t, t.site.client() as tab:
        await t.ada.call("flow.start", window=MIN_WINDOW)
        sent = await t.ada.call("message.send", text="Hi")
        await tab.call("conversation.subscribe", conversation_id=sent["conversation_id"], run_id=sent["run_id"])
        await tab.ended(sent["run_id"])
        await let_server_send(t.site)
        await t.ada.call("flow.start", window=2 * MIN_WINDOW)
        await let_server_send(t.site)
        assert t.ada.bytes_received <= 2 * MIN_WINDOW
        await acknowledge_until_end(t.ada, sent["run_id"])
        assert t.ada.steps(sent["run_id"]) == tab.steps(sent["run_id"])


async def test_flow_control_can_start_during_a_run() -> None:
    gate = Gate()
    reply = [text("x" * 30_000), wait_for(gate), text("y" * 300_000), finish(), done()]
    async with talk(reply, **HIGH_FRAME_LIMIT) as t, t.site.client() as tab:
        sent = await t.ada.call("message.send", text="Hi")
        await tab.call("conversation.subscribe", conversation_id=sent["conversation_id"])
        await t.ada.until("process_step", type="text")
        await t.ada.call("flow.start", window=MIN_WINDOW)
        gate.open()
        await tab.ended(sent["run_id"])
        await let_server_send(t.site)
        assert t.ada.bytes_received <= MIN_WINDOW
        await acknowledge_until_end(t.ada, sent["run_id"])
        assert t.ada.steps(sent["run_id"]) == tab.steps(sent["run_id"])


async def test_a_client_that_acknowledges_nothing_gets_no_more_and_blocks_nobody() -> None:
    async with model_server(answer("x" * 60_000)) as model, running_site(model) as site, site.client() as tab:
        async with site.client() as ada:
            await ada.call("flow.start", window=MIN_WINDOW)
            sent = await ada.call("message.send", text="Hi")
            await tab.call("conversation.subscribe", conversation_id=sent["conversation_id"], run_id=sent["run_id"])
            assert (await tab.ended(sent["run_id"]))["params"]["status"] == "complete"
            await let_server_send(site)
            assert not ada.received("done")
        await tab.call("message.send", text="And?", conversation_id=sent["conversation_id"])


async def test_the_window_must_be_between_16_kb_and_4_mb() -> None:
    async with talk(answer("")) as t:
        for window in (MIN_WINDOW - 1, MAX_WINDOW + 1, 0, -1, None, "16384", 16_384.5, True):
            assert await invalid_fields(t.ada, "flow.start", window=window) == {"window"}
        for count in (-1, None, "1", 0.5):
            assert await invalid_fields(t.ada, "flow.ack", bytes=count) == {"bytes"}
        for window in (MIN_WINDOW, MAX_WINDOW):
            assert await t.ada.call("flow.start", window=window) == {}
