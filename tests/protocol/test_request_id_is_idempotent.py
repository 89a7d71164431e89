"""A request repeated with the same `request_id` returns the first result and does nothing twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from conversations.models import Conversation, Message, Run
from tests.modelserver import Gate, answer
from tests.protocol.talk import expect_error, gated_answer, invalid_fields, run_notifications, talk

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_repeated_create_returns_the_first_conversation() -> None:
    async with talk(answer("")) as t, t.site.client() as tab:
        first = await t.ada.call("conversation.create", title="Bees", request_id="r1")
        assert await t.ada.call("conversation.create", title="Bees", request_id="r1") == first
        assert await tab.call("conversation.create", request_id="r1", title="Bees") == first
        assert await Conversation.objects.acount() == 1
        assert len(t.ada.received("conversation_changed")) == 1
        assert (await t.ada.call("conversation.create", title="Bees", request_id="r2")) != first


async def test_a_question_repeated_after_its_answer_starts_no_second_run() -> None:
    async with talk(answer("Hello")) as t:
        first = await t.ask("Hi", request_id="r1")
        assert await t.ada.call("message.send", text="Hi", request_id="r1") == first
        assert await Message.objects.acount() == 2
        assert len(t.model.requests) == 1
        assert run_notifications(t.ada, first["run_id"]).count("done") == 1


async def test_another_connection_that_repeats_an_answered_question_receives_the_finished_run() -> None:
    async with talk(answer("Hello")) as t, t.site.client() as later:
        first = await t.ask("Hi", request_id="r1")
        assert await later.call("message.send", text="Hi", request_id="r1") == first
        assert (await later.ended(first["run_id"]))["method"] == "done"
        assert [step["content"] for step in later.steps(first["run_id"])] == ["Hello"]
        assert run_notifications(later, first["run_id"]).count("run_started") == 1
        assert len(t.model.requests) == 1


async def test_two_connections_that_send_the_same_question_at_once_share_one_run() -> None:
    gate = Gate()
    async with talk(gated_answer(gate)) as t, t.site.client() as tab:
        both = (t.ada, tab)
        requests = [c.call("message.send", text="Hi", request_id="r1", tool_choice="none") for c in both]
        one, other = await asyncio.gather(*requests)
        assert one == other
        assert await Run.objects.acount() == 1
        gate.open()
        for client in both:
            await client.ended(one["run_id"])
            assert client.steps(one["run_id"])[0]["content"] == "Hello"
        assert len(t.model.requests) == 1


async def test_reusing_a_request_id_with_other_params_is_an_error() -> None:
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
            assert await invalid_fields(t.ada, method, **params, request_id="r1") == {"request_id"}
        assert await Conversation.objects.acount() == 1


async def test_a_refused_question_can_be_sent_again_with_the_same_request_id() -> None:
    gate = Gate()
    async with talk(gated_answer(gate), answer("Yes")) as t:
        sent = await t.ada.call("message.send", text="Hi")
        where = {"conversation_id": sent["conversation_id"]}
        error = await expect_error(t.ada, "message.send", text="And?", request_id="r1", **where)
        assert error.data["code"] == "run_active"
        gate.open()
        await t.ada.ended(sent["run_id"])
        await t.ask("And?", request_id="r1", **where)


async def test_request_ids_of_different_users_are_independent() -> None:
    async with talk(answer("")) as t, t.site.client("bob") as bob:
        first = await t.ada.call("conversation.create", request_id="r1")
        second = await bob.call("conversation.create", request_id="r1")
        assert first["conversation"]["id"] != second["conversation"]["id"]
