"""An answer of a server that others wrote is watched, stored and counted."""

from __future__ import annotations

import pytest

from conversations.models import Message, Run, TokenUsage
from tests.aimock.asking import ask, asking, ledger
from tests.aimock.openai_request import check_request
from tests.aimock.server import MODEL, Aimock

pytestmark = [pytest.mark.requires_node, pytest.mark.django_db(transaction=True)]


async def test_text_comes_in_pieces_and_is_stored_whole(aimock: Aimock) -> None:
    async with asking(aimock.base_url) as ada:
        asked = await ask(ada, "Say hello")
        assert asked.outline == [("text", "Hello! This is a greeting in **several** pieces.")]
        assert (asked.end, asked.params["status"], asked.params["finish_reason"]) == ("done", "complete", "stop")
        answer = await Message.objects.aget(role="assistant")
        assert (answer.text, answer.status) == ("Hello! This is a greeting in **several** pieces.", "complete")
        assert (await Run.objects.aget()).status == "complete"
        (request,) = aimock.requests()
        check_request(request)
        assert (request["model"], request["messages"][-1]) == (MODEL, {"role": "user", "content": "Say hello"})


async def test_reasoning_is_a_step_of_its_own_before_the_text(aimock: Aimock) -> None:
    async with asking(aimock.base_url) as ada:
        asked = await ask(ada, "Think first")
        assert asked.outline == [
            ("thinking", "They want me to think before I answer, so I think."),
            ("text", "I have thought about it."),
        ]
        assert asked.steps[0]["duration"] >= 0
        assert (await Message.objects.aget(role="assistant")).text == "I have thought about it."


async def test_the_ledger_has_the_servers_own_figures(aimock: Aimock) -> None:
    async with asking(aimock.base_url) as ada:
        asked = await ask(ada, "Say nothing but counts")
        assert (asked.params["prompt_tokens"], asked.params["completion_tokens"]) == (1000, 2)
        assert asked.params["token_count"] == 2
        assert await ledger(asked) == [(1, 1000, 2, False)]
        row = await TokenUsage.objects.aget()
        assert (row.model, row.user_id) == (MODEL, (await Run.objects.aget()).user_id)
        assert row.first_token_ms is not None
        assert row.first_token_ms <= row.total_ms


@pytest.mark.parametrize(
    ("question", "text", "reason"),
    [
        ("Tell a long story", "Once upon a time there was", "length"),
        ("Say what is not allowed", "I", "content_filter"),
    ],
)
async def test_why_the_model_stopped_is_told(aimock: Aimock, question: str, text: str, reason: str) -> None:
    async with asking(aimock.base_url) as ada:
        asked = await ask(ada, question)
        assert asked.outline == [("text", text)]
        assert (asked.end, asked.params["status"], asked.params["finish_reason"]) == ("done", "complete", reason)


async def test_every_script_comes_through_though_a_chunk_parts_its_pairs(aimock: Aimock) -> None:
    async with asking(aimock.base_url) as ada:
        asked = await ask(ada, "Write in every script")
        assert asked.outline == [("text", "Grüße, 世界! Ψ 👩‍👩‍👧‍👦 — and a line\u2028separator.")]


async def test_a_conversations_settings_reach_the_server(aimock: Aimock) -> None:
    async with asking(aimock.base_url) as ada:
        created = await ada.call(
            "conversation.create", system_prompt="Be brief.", temperature=0.3, max_tokens=50, tools=["calculator"]
        )
        await ask(ada, "Say hello", conversation_id=created["conversation"]["id"])
        (request,) = aimock.requests()
        check_request(request)
        assert request["messages"][0]["content"].startswith("Be brief.\n\nToday is ")
        assert (request["temperature"], request["max_tokens"]) == (0.3, 50)
        assert [tool["function"]["name"] for tool in request["tools"]] == ["calculator"]
