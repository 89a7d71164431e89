"""A client that did not hear the answer asks again under the same request_id, and nothing happens twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from conversations.models import Conversation, Message, Run
from tests.modelserver import Gate, answer
from tests.protocol.talk import halting, refused, talk, told_of, wrong_fields

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_conversation_is_made_once() -> None:
    async with talk(answer("")) as t, t.site.client() as tab:
        first = await t.ada.call("conversation.create", title="Bees", request_id="r1")
        assert await t.ada.call("conversation.create", title="Bees", request_id="r1") == first
        assert await tab.call("conversation.create", request_id="r1", title="Bees") == first
        assert await Conversation.objects.acount() == 1
        assert len(t.ada.of("conversation_changed")) == 1
        assert (await t.ada.call("conversation.create", title="Bees", request_id="r2")) != first


async def test_a_question_is_asked_once_also_after_its_answer() -> None:
    async with talk(answer("Hello")) as t:
        first = await t.ask("Hi", request_id="r1")
        assert await t.ada.call("message.send", text="Hi", request_id="r1") == first
        assert await Message.objects.acount() == 2
        assert len(t.model.requests) == 1
        assert told_of(t.ada, first["run_id"]).count("done") == 1


async def test_who_asks_again_after_the_answer_is_told_of_it() -> None:
    async with talk(answer("Hello")) as t, t.site.client() as later:
        first = await t.ask("Hi", request_id="r1")
        assert await later.call("message.send", text="Hi", request_id="r1") == first
        assert (await later.ended(first["run_id"]))["method"] == "done"
        assert [step["content"] for step in later.steps(first["run_id"])] == ["Hello"]
        assert told_of(later, first["run_id"]).count("run_started") == 1
        assert len(t.model.requests) == 1


async def test_two_connections_at_once_make_one_run_and_both_follow_it() -> None:
    gate = Gate()
    async with talk(halting(gate)) as t, t.site.client() as tab:
        both = (t.ada, tab)
        asked = [c.call("message.send", text="Hi", request_id="r1", tool_choice="none") for c in both]
        one, other = await asyncio.gather(*asked)
        assert one == other
        assert await Run.objects.acount() == 1
        gate.open()
        for client in both:
            await client.ended(one["run_id"])
            assert client.steps(one["run_id"])[0]["content"] == "Hello"
        assert len(t.model.requests) == 1


async def test_other_params_under_the_same_request_id_are_refused() -> None:
    async with talk(answer("Hello")) as t:
        sent = await t.ask("Hi", request_id="r1")
        attempts: list[tuple[str, dict[str, Any]]] = [
            ("message.send", {"text": "Hi!"}),
            ("message.send", {"text": "Hi", "tools_enabled": False}),
            ("message.send", {"text": "Hi", "conversation_id": sent["conversation_id"]}),
            ("message.send", {"text": "Hi", "parent_id": None}),
            ("conversation.create", {}),
        ]
        for method, params in attempts:
            assert await wrong_fields(t.ada, method, **params, request_id="r1") == {"request_id"}
        assert await Conversation.objects.acount() == 1


async def test_what_was_refused_can_be_asked_again() -> None:
    gate = Gate()
    async with talk(halting(gate), answer("Yes")) as t:
        sent = await t.ada.call("message.send", text="Hi")
        where = {"conversation_id": sent["conversation_id"]}
        error = await refused(t.ada, "message.send", text="And?", request_id="r1", **where)
        assert error.data["code"] == "run_active"
        gate.open()
        await t.ada.ended(sent["run_id"])
        await t.ask("And?", request_id="r1", **where)


async def test_a_request_id_is_a_persons_own() -> None:
    async with talk(answer("")) as t, t.site.client("bob") as bob:
        hers = await t.ada.call("conversation.create", request_id="r1")
        his = await bob.call("conversation.create", request_id="r1")
        assert hers["conversation"]["id"] != his["conversation"]["id"]
