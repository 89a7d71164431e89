"""Behind LiteLLM's proxy, which translates answers and failures in its own way, everything works all the same."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from conversations.models import TokenUsage
from tests.aimock.asking import ask, asking, ledger
from tests.aimock.openai_request import check_request
from tests.aimock.proxy import LiteLLM
from tests.aimock.server import MODEL, Aimock
from tests.client import Client

pytestmark = [
    pytest.mark.slow,
    pytest.mark.requires_node,
    pytest.mark.requires_litellm,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
async def ada(litellm: LiteLLM, aimock: Aimock) -> AsyncIterator[Client]:
    async with asking(litellm.base_url, LLM_API_KEY=litellm.api_key) as client:
        yield client


async def test_text_and_reasoning_come_apart_and_are_counted(ada: Client) -> None:
    asked = await ask(ada, "Think first")
    assert asked.outline == [
        ("thinking", "They want me to think before I answer, so I think."),
        ("text", "I have thought about it."),
    ]
    assert (asked.params["status"], asked.params["finish_reason"]) == ("complete", "stop")
    assert await ledger(asked) == [(1, 17, 25, False)]
    assert 0 < (await TokenUsage.objects.aget()).reasoning_tokens <= 25, "LiteLLM counts reasoning by itself"


async def test_parallel_calls_and_their_results_make_the_round_trip(ada: Client, aimock: Aimock) -> None:
    asked = await ask(ada, "Do three things at once")
    called = [(step["id_ref"], step["name"]) for step in asked.steps if step["type"] == "tool_call"]
    assert called == [("call_sum", "calculator"), ("call_clock", "current_time"), ("call_list", "list_files")]
    results = [step for step in asked.steps if step["type"] == "tool_result"]
    assert all(json.loads(step["content"])["success"] for step in results)
    assert asked.outline[-1] == ("text", "It is 42, the clock runs, and there are no files.")
    assert await ledger(asked) == [(1, 200, 60, False), (2, 300, 20, False)]
    told = [message["content"] for message in aimock.requests()[1]["messages"] if message["role"] == "tool"]
    assert sorted(told) == sorted(step["content"] for step in results)


async def test_a_conversation_with_failures_arrives_as_a_valid_request(ada: Client, aimock: Aimock) -> None:
    asked = await ask(ada, "Do three things at once")
    for question in ("Break off in the text", "Fail inside", "Break off in a call", "Say hello"):
        asked = await ask(ada, question, conversation_id=asked.conversation_id)
    assert asked.end == "done"
    for request in aimock.requests():
        check_request(request)


@pytest.mark.parametrize(
    ("question", "code", "retryable"),
    [
        ("Be busy for good", "rate_limited", True),
        ("Fail inside", "unavailable", True),
        ("Refuse the key", "rejected_key", False),
        ("What nobody wrote a fixture for", "unknown_model", False),
        ("Overflow the window", "context_too_long", False),
        ("Refuse this request", "refused", False),
        ("Hang up at once", "unavailable", True),
    ],
)
async def test_a_failure_keeps_its_code_in_litellms_wording(
    ada: Client, question: str, code: str, retryable: bool
) -> None:
    asked = await ask(ada, question)
    assert (asked.end, asked.params["code"], asked.params["retryable"]) == ("error", code, retryable)
    assert asked.steps == []


async def test_an_answer_that_breaks_off_ends_with_an_error_object_and_is_kept(ada: Client) -> None:
    asked = await ask(ada, "Break off in the text")
    assert (asked.end, asked.params["code"]) == ("error", "unavailable")
    assert asked.outline == [("thinking", "I will not finish."), ("text", "These words come, bu")]


async def test_a_model_that_litellm_does_not_know_is_named_as_such(litellm: LiteLLM) -> None:
    async with asking(litellm.base_url, LLM_API_KEY=litellm.api_key, LLM_MODELS=("no-such-model",)) as ada:
        asked = await ask(ada, "Say hello")
        assert (asked.end, asked.params["code"]) == ("error", "unknown_model")


async def test_stopping_reaches_through_it(ada: Client) -> None:
    sent = await ada.call("message.send", text="Trickle", model=MODEL)
    await ada.until("step_delta", run_id=sent["run_id"])
    await ada.call("run.cancel", run_id=sent["run_id"])
    end = await ada.ended(sent["run_id"])
    assert (end["method"], end["params"]["status"]) == ("done", "cancelled")
