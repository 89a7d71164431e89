"""Answers of a third-party server are streamed, stored and counted."""

from __future__ import annotations

import pytest

from conversations.models import Message, Run, TokenUsage
from tests.aimock.finished_runs import ask, connected_client, token_usage
from tests.aimock.openai_request import check_request
from tests.aimock.server import MODEL, Aimock

pytestmark = [pytest.mark.requires_node, pytest.mark.django_db(transaction=True)]


async def test_text_is_streamed_in_pieces_and_stored_whole(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url) as ada:
        run = await ask(ada, "Say hello")
        assert run.outline == [("text", "Hello! This is a greeting in **several** pieces.")]
        assert (run.end, run.params["status"], run.params["finish_reason"]) == ("done", "complete", "stop")
        answer = await Message.objects.aget(role="assistant")
        assert (answer.text, answer.status) == ("Hello! This is a greeting in **several** pieces.", "complete")
        assert (await Run.objects.aget()).status == "complete"
        (request,) = aimock.requests()
        check_request(request)
        assert (request["model"], request["messages"][-1]) == (MODEL, {"role": "user", "content": "Say hello"})


async def test_reasoning_is_a_separate_step_before_the_text(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url) as ada:
        run = await ask(ada, "Think first")
        assert run.outline == [
            ("thinking", "They want me to think before I answer, so I think."),
            ("text", "I have thought about it."),
        ]
        assert run.steps[0]["duration"] >= 0
        assert (await Message.objects.aget(role="assistant")).text == "I have thought about it."


async def test_token_usage_is_as_the_server_reports_it(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url) as ada:
        run = await ask(ada, "Say nothing but counts")
        assert (run.params["prompt_tokens"], run.params["completion_tokens"]) == (1000, 2)
        assert run.params["token_count"] == 2
        assert await token_usage(run) == [(1, 1000, 2, False)]
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
async def test_the_finish_reason_is_reported(aimock: Aimock, question: str, text: str, reason: str) -> None:
    async with connected_client(aimock.base_url) as ada:
        run = await ask(ada, question)
        assert run.outline == [("text", text)]
        assert (run.end, run.params["status"], run.params["finish_reason"]) == ("done", "complete", reason)


async def test_every_writing_system_survives_chunks_that_split_surrogate_pairs(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url) as ada:
        run = await ask(ada, "Write in every script")
        assert run.outline == [("text", "Grüße, 世界! Ψ 👩‍👩‍👧‍👦 — and a line\u2028separator.")]


async def test_conversation_settings_reach_the_server(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url) as ada:
        created = await ada.call(
            "conversation.create", system_prompt="Be brief.", temperature=0.3, max_tokens=50, tools=["calculator"]
        )
        await ask(ada, "Say hello", conversation_id=created["conversation"]["id"])
        (request,) = aimock.requests()
        check_request(request)
        assert request["messages"][0]["content"].startswith("Be brief.\n\nToday is ")
        assert (request["temperature"], request["max_tokens"]) == (0.3, 50)
        assert [tool["function"]["name"] for tool in request["tools"]] == ["calculator"]
