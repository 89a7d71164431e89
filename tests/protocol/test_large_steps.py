"""A step too large for a frame is streamed in parts and truncated in messages; `step.get` returns all of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from conversations.models import Step
from conversations.runner import runner
from tests.client import Client
from tests.modelserver import Gate, Reply, answer, calls, done, finish, settled, text, thinking, tool_call, wait_for
from tests.protocol.talk import delay_read, expect_error, invalid_fields, talk
from tools.registry import tool

pytestmark = pytest.mark.django_db(transaction=True)

PART_LENGTH = 100_000
CONTROL_CHARACTER = "\x01"
CONTENTS = {
    "ascii": "0123456789" * 25_000,
    "emoji": "a😀é" * 100_000,
    "control characters": f"x{CONTROL_CHARACTER}{CONTROL_CHARACTER}" * 80_000,
}


async def whole_step(client: Client, message_id: str, step_id: str, **params: Any) -> str:
    """Returns the text of a step, read piece by piece with `step.get`."""
    pieces, offset = [], 0
    while offset is not None:
        piece = await client.call("step.get", message_id=message_id, id=step_id, offset=offset, **params)
        pieces.append(piece["text"])
        assert len(piece["text"]) <= params.get("limit", 200_000)
        assert piece["next_offset"] in (None, offset + len(piece["text"]))
        assert piece["next_offset"] != offset
        offset = piece["next_offset"]
    return "".join(pieces)


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
async def test_step_get_returns_a_step_in_pieces_during_and_after_the_run(content: str) -> None:
    gate = Gate()
    reply = [thinking(content), text(content), wait_for(gate), finish(), done()]
    async with talk(calls(tool_call("no_such_tool", content)), reply) as t:
        sent = await t.ada.call("message.send", text="Hi")
        where = sent["assistant_message_id"]
        await t.ada.until("process_step", type="text")
        for step_id in ("step-0", "step-2", "step-3"):
            assert await whole_step(t.ada, where, step_id) == content
        gate.open()
        await t.ada.ended(sent["run_id"])
        assert [s.get("arguments", s.get("content")) for s in t.ada.steps(sent["run_id"])][2:] == [content, content]
        shown = (await t.messages(sent["conversation_id"]))[-1]["content"]["steps"]
        for step in shown:
            stored = await whole_step(t.ada, where, step["id"])
            part = step.get("arguments", step.get("content"))
            assert stored.startswith(part)
            assert (stored == content) is step.get("truncated", False)
        assert await whole_step(t.ada, where, "step-3", limit=70_001, field="content") == content


@tool(read_only=True)
def long_list() -> list[str]:
    """Returns a long list."""
    return [f"line {number} é😀" for number in range(30_000)]


async def test_a_large_tool_result_is_sent_as_a_first_part_and_deltas() -> None:
    gate = Gate()
    after_tool: Reply = [wait_for(gate), *answer("Read")]
    async with (
        talk(calls(tool_call("long_list")), after_tool, TOOL_RESULT_LIMIT=1_000_000) as t,
        t.site.client() as back,
    ):
        t.site.runner.tools.register(long_list)
        sent = await t.ada.call("message.send", text="Read it")
        await settled(t.model.arrival(2))
        content = t.model.requests[1].body["messages"][-1]["content"]
        assert len(content) > 4 * PART_LENGTH
        shown = (await t.messages(sent["conversation_id"]))[-1]
        gate.open()
        await t.ada.ended(sent["run_id"])
        result = t.ada.received("process_step", type="tool_result")[0]
        parts = [delta["text"] for delta in t.ada.received("step_delta", id=result["id"])]
        assert {len(part) for part in (result["content"], *parts[:-1])} == {PART_LENGTH}
        assert result["content"] + "".join(parts) == content
        stored = (await t.messages(sent["conversation_id"]))[-1]
        for message in (shown, stored):
            step = message["content"]["steps"][1]
            assert (step["truncated"], step["content"]) == (True, content[:PART_LENGTH])
            assert message["content"]["tool_calls"][0]["result"] == content[:PART_LENGTH]
        assert await whole_step(t.ada, sent["assistant_message_id"], result["id"]) == content
        await back.call("conversation.subscribe", conversation_id=sent["conversation_id"], run_id=sent["run_id"])
        await back.ended(sent["run_id"])
        assert back.steps(sent["run_id"]) == t.ada.steps(sent["run_id"])


async def test_step_get_takes_an_offset_and_a_limit() -> None:
    async with talk(answer("Hello 😀 there")) as t:
        sent = await t.ask("Hi")
        where = {"message_id": sent["assistant_message_id"], "id": "step-0"}
        pieces: list[tuple[dict[str, Any], str, int | None]] = [
            ({}, "Hello 😀 there", None),
            ({"limit": 7}, "Hello 😀", 7),
            ({"offset": 6, "limit": 1}, "😀", 7),
            ({"offset": 7}, " there", None),
            ({"offset": 7, "limit": 6}, " there", None),
            ({"offset": 13}, "", None),
            ({"offset": 2_000_000_000, "limit": 200_000}, "", None),
            ({"field": "content"}, "Hello 😀 there", None),
            ({"field": None}, "Hello 😀 there", None),
        ]
        for params, expected, following in pieces:
            assert await t.ada.call("step.get", **where, **params) == {"text": expected, "next_offset": following}
        for params in ({"limit": 0}, {"limit": 200_001}, {"offset": -1}, {"offset": 10**20}, {"offset": 1.5}):
            assert await invalid_fields(t.ada, "step.get", **where, **params) == set(params)


async def test_step_get_refuses_other_fields_and_unknown_steps() -> None:
    asks = calls(thinking("Hm"), tool_call("calculator", {"expression": "6*7"}))
    async with talk(asks, answer("42")) as t, t.site.client("bob") as bob:
        sent = await t.ask("Hi")
        where = {"message_id": sent["assistant_message_id"]}
        for index, field in enumerate(["content", "arguments", "content", "content"]):
            other = {"content": "arguments", "arguments": "content"}[field]
            step = where | {"id": f"step-{index}"}
            assert await t.ada.call("step.get", **step, field=field) == await t.ada.call("step.get", **step)
            assert await invalid_fields(t.ada, "step.get", **step, field=other) == {"field"}
        assert await invalid_fields(t.ada, "step.get", **where, id="step-0", field="name") == {"field"}
        absent = [
            (t.ada, where | {"id": "step-4"}),
            (t.ada, {"message_id": sent["message_id"], "id": "step-0"}),
            (t.ada, {"message_id": "nowhere", "id": "step-0"}),
            (bob, where | {"id": "step-0"}),
        ]
        for client, params in absent:
            error = await expect_error(client, "step.get", **params)
            assert (error.code, error.data) == (-32000, {"code": "not_found"})


async def test_step_get_at_the_very_end_of_a_run_returns_the_whole_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "CHECKPOINT_INTERVAL", 0.02)
    gate = Gate()
    async with talk([text("Hel"), wait_for(gate), text("lo"), finish(), done()]) as t:
        sent = await t.ada.call("message.send", text="Hi")
        await t.ada.until("process_step", type="text")
        await wait_for_stored_step(sent["assistant_message_id"])
        async with t.site.client() as tab:
            monkeypatch.setattr(t.site.runner.readers, "run", delay_read(t, sent["run_id"], gate))
            result = await tab.call("step.get", message_id=sent["assistant_message_id"], id="step-0")
            assert result == {"text": "Hello", "next_offset": None}


async def wait_for_stored_step(message_id: str) -> None:
    """Waits until a part of the answer is in the database."""
    async with asyncio.timeout(30):
        while not await Step.objects.filter(message_id=message_id).aexists():
            await asyncio.sleep(0.02)
