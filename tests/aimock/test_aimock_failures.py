"""A server that others wrote fails in its own ways; what there is is kept, and the person is told what happened."""

from __future__ import annotations

from typing import Any

import pytest

from conversations.models import Message, Run
from tests.aimock.asking import ask, asking, ledger
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
async def test_a_failure_is_told_with_its_code(aimock: Aimock, question: str, code: str, retryable: bool) -> None:
    async with asking(aimock.base_url) as ada:
        asked = await ask(ada, question)
        assert (asked.end, asked.params["code"], asked.params["retryable"]) == ("error", code, retryable)
        assert asked.steps == []
        assert (await Run.objects.aget()).status == "failed"
        assert (await Message.objects.aget(role="assistant")).status == "failed"
        assert len(aimock.requests()) == 1


async def test_a_busy_server_is_asked_again_and_then_answers(aimock: Aimock) -> None:
    async with asking(aimock.base_url, LLM_RETRIES=2) as ada:
        asked = await ask(ada, "Be busy twice")
        assert (asked.end, asked.outline) == ("done", [("text", "Now I have time for you.")])
        first, second, third = aimock.requests()
        assert first == second == third
        assert len(await ledger(asked)) == 1


async def test_a_server_that_stays_busy_is_given_up_after_the_retries(aimock: Aimock) -> None:
    async with asking(aimock.base_url, LLM_RETRIES=2) as ada:
        asked = await ask(ada, "Be busy for good")
        assert (asked.end, asked.params["code"]) == ("error", "rate_limited")
        assert len(aimock.requests()) == 3


async def test_a_server_that_wants_an_hour_is_not_waited_for(aimock: Aimock) -> None:
    async with asking(aimock.base_url, LLM_RETRIES=2) as ada:
        asked = await ask(ada, "Be busy for an hour")
        assert (asked.params["code"], asked.params["retry_after"]) == ("rate_limited", 3600)
        assert len(aimock.requests()) == 1


async def test_an_answer_that_breaks_off_is_kept_as_far_as_it_came(aimock: Aimock) -> None:
    async with asking(aimock.base_url, LLM_RETRIES=2) as ada:
        asked = await ask(ada, "Break off in the text")
        assert (asked.end, asked.params["code"], asked.params["retryable"]) == ("error", "malformed", True)
        assert asked.outline == [("thinking", "I will not finish."), ("text", "These words come, bu")]
        answer = await Message.objects.aget(role="assistant")
        assert (answer.status, answer.text) == ("failed", "These words come, bu")
        ((_, prompt, completion, estimated),) = await ledger(asked)
        assert estimated
        assert min(prompt, completion) > 0
        assert len(aimock.requests()) == 1, "what has begun is not begun again"


async def test_a_call_that_breaks_off_is_not_carried_out(aimock: Aimock) -> None:
    async with asking(aimock.base_url) as ada:
        asked = await ask(ada, "Break off in a call")
        assert (asked.end, asked.params["code"]) == ("error", "malformed")
        (call,) = asked.steps
        assert (call["type"], call["name"], call["status"]) == ("tool_call", "write_file", "finished")
        assert call["arguments"].startswith('{"path":"cut.txt"')
        again = await ask(ada, "Say hello", conversation_id=asked.conversation_id)
        assert again.end == "done"
        check_request(aimock.requests()[-1])


async def test_a_server_that_leaves_in_the_middle_leaves_what_it_said(aimock: Aimock) -> None:
    async with asking(aimock.base_url) as ada:
        asked = await ask(ada, "Leave after a while")
        assert (asked.end, asked.params["code"]) == ("error", "malformed")
        ((kind, text),) = asked.outline
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
async def test_a_slow_server_is_given_up_in_time(
    aimock: Aimock, question: str, limits: dict[str, float], outline: list[tuple[str, str]]
) -> None:
    async with asking(aimock.base_url, **limits) as ada:
        asked = await ask(ada, question)
        assert (asked.end, asked.params["code"], asked.params["retryable"]) == ("error", "timeout", True)
        assert asked.outline == outline


async def test_an_answer_that_keeps_coming_is_given_up_when_its_whole_time_is_over(aimock: Aimock) -> None:
    async with asking(aimock.base_url, LLM_TIMEOUT=2, LLM_IDLE_TIMEOUT=60) as ada:
        asked = await ask(ada, "Trickle")
        assert (asked.end, asked.params["code"]) == ("error", "timeout")
        ((kind, text),) = asked.outline
        assert kind == "text"
        assert text.startswith("Drop after drop")


async def test_stopping_keeps_what_there_is(aimock: Aimock) -> None:
    async with asking(aimock.base_url) as ada:
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
