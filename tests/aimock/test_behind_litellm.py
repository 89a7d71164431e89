"""The product works behind LiteLLM's proxy, which translates answers and failures in its own way."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from conversations.models import TokenUsage
from tests.aimock.finished_runs import ask, connected_client, token_usage
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
    async with connected_client(litellm.base_url, LLM_API_KEY=litellm.api_key) as client:
        yield client


async def test_text_and_reasoning_are_separate_and_counted(ada: Client) -> None:
    run = await ask(ada, "Think first")
    assert run.outline == [
        ("thinking", "They want me to think before I answer, so I think."),
        ("text", "I have thought about it."),
    ]
    assert (run.params["status"], run.params["finish_reason"]) == ("complete", "stop")
    assert await token_usage(run) == [(1, 17, 25, False)]
    assert 0 < (await TokenUsage.objects.aget()).reasoning_tokens <= 25, "LiteLLM counts reasoning by itself"


async def test_parallel_calls_and_their_results_pass_through_the_proxy(ada: Client, aimock: Aimock) -> None:
    run = await ask(ada, "Do three things at once")
    called = [(step["id_ref"], step["name"]) for step in run.steps if step["type"] == "tool_call"]
    assert called == [("call_sum", "calculator"), ("call_clock", "current_time"), ("call_list", "list_files")]
    results = [step for step in run.steps if step["type"] == "tool_result"]
    assert all(json.loads(step["content"])["success"] for step in results)
    assert run.outline[-1] == ("text", "It is 42, the clock runs, and there are no files.")
    assert await token_usage(run) == [(1, 200, 60, False), (2, 300, 20, False)]
    sent_results = [message["content"] for message in aimock.requests()[1]["messages"] if message["role"] == "tool"]
    assert sorted(sent_results) == sorted(step["content"] for step in results)


async def test_the_request_after_failures_is_valid_upstream(ada: Client, aimock: Aimock) -> None:
    run = await ask(ada, "Do three things at once")
    for question in ("Break off in the text", "Fail inside", "Break off in a call", "Say hello"):
        run = await ask(ada, question, conversation_id=run.conversation_id)
    assert run.end == "done"
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
async def test_a_failure_worded_by_litellm_keeps_its_code(
    ada: Client, question: str, code: str, retryable: bool
) -> None:
    run = await ask(ada, question)
    assert (run.end, run.params["code"], run.params["retryable"]) == ("error", code, retryable)
    assert run.steps == []


async def test_a_truncated_answer_is_kept_and_ends_with_an_error(ada: Client) -> None:
    run = await ask(ada, "Break off in the text")
    assert (run.end, run.params["code"]) == ("error", "unavailable")
    assert run.outline == [("thinking", "I will not finish."), ("text", "These words come, bu")]


async def test_a_model_unknown_to_litellm_is_reported_as_unknown(litellm: LiteLLM) -> None:
    async with connected_client(litellm.base_url, LLM_API_KEY=litellm.api_key, LLM_MODELS=("no-such-model",)) as ada:
        run = await ask(ada, "Say hello")
        assert (run.end, run.params["code"]) == ("error", "unknown_model")


async def test_stopping_a_run_works_through_the_proxy(ada: Client) -> None:
    sent = await ada.call("message.send", text="Trickle", model=MODEL)
    await ada.until("step_delta", run_id=sent["run_id"])
    await ada.call("run.cancel", run_id=sent["run_id"])
    end = await ada.ended(sent["run_id"])
    assert (end["method"], end["params"]["status"]) == ("done", "cancelled")
