"""When a third-party server fails, the received text is kept and the user is told the reason."""

from __future__ import annotations

from typing import Any

import pytest

from conversations.models import Message, Run
from tests.aimock.finished_runs import ask, connected_client, token_usage
from tests.aimock.openai_request import check_request
from tests.aimock.server import Aimock

pytestmark = [pytest.mark.requires_node, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(
    ("question", "code", "retryable"),
    [
        ("Be busy for good", "rate_limited", True),
        ("Fail inside", "unavailable", True),
        ("Refuse the key", "rejected_key", False),
        ("What nobody wrote a fixture for", "unknown_model", False),
        ("Overflow the window", "context_too_long", False),
        ("Refuse this request", "refused", False),
        ("Write no JSON", "malformed", True),
        ("Hang up at once", "unreachable", True),
    ],
)
async def test_a_failure_is_reported_with_its_code(aimock: Aimock, question: str, code: str, retryable: bool) -> None:
    async with connected_client(aimock.base_url) as ada:
        run = await ask(ada, question)
        assert (run.end, run.params["code"], run.params["retryable"]) == ("error", code, retryable)
        assert run.steps == []
        assert (await Run.objects.aget()).status == "failed"
        assert (await Message.objects.aget(role="assistant")).status == "failed"
        assert len(aimock.requests()) == 1


async def test_a_request_to_a_busy_server_is_retried_and_answered(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url, LLM_RETRIES=2) as ada:
        run = await ask(ada, "Be busy twice")
        assert (run.end, run.outline) == ("done", [("text", "Now I have time for you.")])
        first, second, third = aimock.requests()
        assert first == second == third
        assert len(await token_usage(run)) == 1


async def test_a_server_that_stays_busy_fails_the_run_after_the_retries(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url, LLM_RETRIES=2) as ada:
        run = await ask(ada, "Be busy for good")
        assert (run.end, run.params["code"]) == ("error", "rate_limited")
        assert len(aimock.requests()) == 3


async def test_a_retry_after_of_an_hour_fails_the_run_at_once(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url, LLM_RETRIES=2) as ada:
        run = await ask(ada, "Be busy for an hour")
        assert (run.params["code"], run.params["retry_after"]) == ("rate_limited", 3600)
        assert len(aimock.requests()) == 1


async def test_the_received_part_of_a_truncated_answer_is_kept(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url, LLM_RETRIES=2) as ada:
        run = await ask(ada, "Break off in the text")
        assert (run.end, run.params["code"], run.params["retryable"]) == ("error", "malformed", True)
        assert run.outline == [("thinking", "I will not finish."), ("text", "These words come, bu")]
        answer = await Message.objects.aget(role="assistant")
        assert (answer.status, answer.text) == ("failed", "These words come, bu")
        ((_, prompt, completion, estimated),) = await token_usage(run)
        assert estimated
        assert min(prompt, completion) > 0
        assert len(aimock.requests()) == 1, "what has begun is not begun again"


async def test_a_truncated_tool_call_is_not_executed(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url) as ada:
        run = await ask(ada, "Break off in a call")
        assert (run.end, run.params["code"]) == ("error", "malformed")
        (call,) = run.steps
        assert (call["type"], call["name"], call["status"]) == ("tool_call", "write_file", "finished")
        assert call["arguments"].startswith('{"path":"cut.txt"')
        again = await ask(ada, "Say hello", conversation_id=run.conversation_id)
        assert again.end == "done"
        check_request(aimock.requests()[-1])


async def test_the_received_text_is_kept_when_the_server_disconnects(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url) as ada:
        run = await ask(ada, "Leave after a while")
        assert (run.end, run.params["code"]) == ("error", "malformed")
        ((kind, text),) = run.outline
        assert kind == "text"
        assert text.startswith("Slowly, slowly,")


@pytest.mark.parametrize(
    ("question", "limits", "outline"),
    [
        ("Keep me waiting", {"LLM_FIRST_TOKEN_TIMEOUT": 0.3}, []),
        ("Fall silent", {"LLM_IDLE_TIMEOUT": 1}, [("thinking", "Where was I?")]),
        ("Keep me waiting", {"LLM_TIMEOUT": 0.3}, []),
    ],
)
async def test_a_slow_server_times_out(
    aimock: Aimock, question: str, limits: dict[str, float], outline: list[tuple[str, str]]
) -> None:
    async with connected_client(aimock.base_url, **limits) as ada:
        run = await ask(ada, question)
        assert (run.end, run.params["code"], run.params["retryable"]) == ("error", "timeout", True)
        assert run.outline == outline


async def test_an_answer_that_never_ends_reaches_the_total_timeout(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url, LLM_TIMEOUT=2, LLM_IDLE_TIMEOUT=60) as ada:
        run = await ask(ada, "Trickle")
        assert (run.end, run.params["code"]) == ("error", "timeout")
        ((kind, text),) = run.outline
        assert kind == "text"
        assert text.startswith("Drop after drop")


async def test_stopping_keeps_the_received_text(aimock: Aimock) -> None:
    async with connected_client(aimock.base_url) as ada:
        sent: dict[str, Any] = await ada.call("message.send", text="Trickle")
        await ada.until("step_delta", run_id=sent["run_id"])
        await ada.call("run.cancel", run_id=sent["run_id"])
        end = await ada.ended(sent["run_id"])
        assert (end["method"], end["params"]["status"]) == ("done", "cancelled")
        answer = await Message.objects.aget(role="assistant")
        assert answer.status == "cancelled"
        assert answer.text.startswith("Drop after drop")
        again = await ask(ada, "Say hello", conversation_id=sent["conversation_id"])
        assert again.end == "done"
        check_request(aimock.requests()[-1])
