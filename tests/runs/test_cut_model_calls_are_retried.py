"""RUN_CUT_RETRIES: a model call that is cut off is repeated, and its steps replace the partial ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from conversations.llm.errors import LLMError, MalformedError, TimedOutError, UnavailableError, UnreachableError
from conversations.llm.tokens import estimate_tokens
from conversations.llm.types import Delta, TextDelta, ThinkingDelta, ToolCallDelta, Usage
from conversations.models import Message, Run, Step, TokenUsage
from conversations.runs.events import IterationCut, RunCompleted, RunEvent, RunFailed, StepEvent, StepsReset
from conversations.runs.live import LiveRun
from tests.client import Client
from tests.modelserver import (
    Gate,
    Reply,
    answer,
    calls,
    cut,
    hang,
    raw,
    reset,
    settled,
    status,
    text,
    thinking,
    tool_arguments,
    tool_call,
    wait_for,
)
from tests.protocol.talk import Talk, run_notifications, talk
from tests.runs.live_runs import IDENTITY
from tests.runs.scripted_model import ScriptedModel, act, finished_iterations, run_events, text_reply, tool_call_reply

CUT = MalformedError("the connection was cut", transient=True)


def final_steps(events: Sequence[RunEvent]) -> list[tuple[str, str]]:
    """Returns the type and the content of the steps after all events."""
    live = LiveRun(IDENTITY)
    for event in events:
        if isinstance(event, StepEvent):
            live.apply(event)
    return [(step.type, step.text) for step in live.in_order()]


def cut_iterations(events: Sequence[RunEvent]) -> list[IterationCut]:
    return [event for event in events if isinstance(event, IterationCut)]


async def test_the_retry_replaces_the_partial_content() -> None:
    model = ScriptedModel([ThinkingDelta("Hm"), TextDelta("It is f"), CUT], text_reply("It is five"))
    events = await run_events(model, cut_retries=1)
    assert final_steps(events) == [("text", "It is five")]
    assert events[-1] == RunCompleted("stop")
    assert [request.messages for request in model.requests] == [model.requests[0].messages] * 2


async def test_the_usage_of_both_calls_is_counted() -> None:
    model = ScriptedModel([TextDelta("word " * 20), CUT], text_reply("word " * 10))
    events = await run_events(model, cut_retries=1)
    [cut_call], [finished] = cut_iterations(events), finished_iterations(events)
    assert (cut_call.iteration, cut_call.usage.completion, cut_call.usage.estimated) == (1, 25, True)
    assert cut_call.usage.prompt == finished.usage.prompt > 0
    assert (finished.iteration, finished.usage.completion, finished.failed) == (1, estimate_tokens("word " * 10), False)


async def test_without_retries_the_partial_content_is_kept() -> None:
    model = ScriptedModel([TextDelta("It is f"), CUT], text_reply("not requested"))
    events = await run_events(model)
    assert final_steps(events) == [("text", "It is f")]
    assert isinstance(events[-1], RunFailed)
    assert len(model.requests) == 1


async def test_the_last_partial_content_is_kept_when_retries_are_exhausted() -> None:
    cut_replies: list[list[Delta | LLMError]] = [[TextDelta(words), CUT] for words in ("one", "two", "three")]
    model = ScriptedModel(*cut_replies, text_reply("not requested"))
    events = await run_events(model, cut_retries=2)
    assert final_steps(events) == [("text", "three")]
    assert [len(cut_iterations(events)), len(finished_iterations(events)), len(model.requests)] == [2, 1, 3]
    assert events[-1] == RunFailed("malformed", MalformedError.content, retryable=True)


@pytest.mark.parametrize(
    "error", [UnreachableError("refused", transient=True), UnavailableError("503", transient=True)]
)
async def test_partial_content_is_kept_when_retries_produce_nothing(error: LLMError) -> None:
    model = ScriptedModel([TextDelta("word " * 20), CUT], [error])
    events = await run_events(model, cut_retries=2)
    assert final_steps(events) == [("text", "word " * 20)]
    assert len(model.requests) == 3
    [finished] = finished_iterations(events)
    assert (finished.failed, finished.usage.completion, cut_iterations(events)) == (True, 25, [])
    assert events[-1] == RunFailed(error.code, error.content, error.retryable)


@pytest.mark.parametrize(
    "error", [MalformedError("no JSON"), TimedOutError("the time for the whole answer is over")], ids=str
)
async def test_a_permanent_error_is_not_retried(error: LLMError) -> None:
    model = ScriptedModel([TextDelta("It"), error], text_reply("not requested"))
    await run_events(model, cut_retries=2)
    assert len(model.requests) == 1


async def test_a_call_cut_before_its_first_delta_is_left_to_the_model_client_to_retry() -> None:
    model = ScriptedModel([CUT], text_reply("not requested"))
    await run_events(model, cut_retries=2)
    assert len(model.requests) == 1


async def test_tools_of_a_cut_call_do_not_run_and_their_ids_can_be_reused() -> None:
    partial: list[Delta | LLMError] = [TextDelta("I act"), ToolCallDelta(0, "a", "act", "{"), CUT]
    model = ScriptedModel(partial, tool_call_reply(("act", "{}"), ids=["a"]), text_reply("done"))
    events = await run_events(model, act, cut_retries=1)
    assert [kind for kind, _ in final_steps(events)] == ["tool_call", "tool_result", "text"]
    assert [message.tool_call_id for message in model.requests[-1].messages if message.role == "tool"] == ["a"]


async def test_only_the_steps_of_the_cut_call_are_reset() -> None:
    model = ScriptedModel(tool_call_reply(("act", "{}")), [TextDelta("So "), CUT], text_reply("So it is"))
    events = await run_events(model, act, cut_retries=1)
    assert [event.index for event in events if isinstance(event, StepsReset)] == [2]
    assert [kind for kind, _ in final_steps(events)] == ["tool_call", "tool_result", "text"]


async def test_usage_reported_before_the_cut_is_used() -> None:
    model = ScriptedModel([TextDelta("It"), Usage(12, 3), CUT], text_reply("It is"))
    [cut_call] = cut_iterations(await run_events(model, cut_retries=1))
    assert cut_call.usage == Usage(12, 3)


def ledger() -> Any:
    return TokenUsage.objects.order_by("pk").values_list("attempt", "iteration", "retry", "estimated")


def texts(client: Client, run_id: str) -> list[str]:
    return [step["content"] for step in client.steps(run_id) if step["type"] == "text"]


async def check_texts(t: Talk, sent: dict[str, Any], expected: list[str]) -> None:
    """Checks that a subscriber, a later request and the database have these text steps, and that the run and the ledger
    count the same tokens."""
    assert texts(t.ada, sent["run_id"]) == expected
    [*_, message] = await t.messages(sent["conversation_id"])
    assert [step["content"] for step in message["content"]["steps"] if step["type"] == "text"] == expected
    assert [step.content async for step in Step.objects.filter(type="text").order_by("index")] == expected
    run = await Run.objects.aget()
    assert run.completion_tokens == sum([usage.completion_tokens async for usage in TokenUsage.objects.all()])


CUT_REPLIES: dict[str, Reply] = {
    "the connection is closed": [thinking("Hm"), text("It is f"), cut()],
    "the connection is reset": [text("It is f"), reset()],
    "the stream contains an error": [text("It is f"), raw(b'data: {"error":{"message":"overloaded","code":503}}\n\n')],
    "the model is silent": [text("It is f"), hang()],
    "the arguments of a call are cut": [
        text("It is f"),
        tool_call("calculator", '{"expre'),
        tool_arguments("ss"),
        cut(),
    ],
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("reply", CUT_REPLIES.values(), ids=CUT_REPLIES)
async def test_a_cut_answer_is_completed_by_the_retry(reply: Reply) -> None:
    async with talk(reply, answer("It is five"), RUN_CUT_RETRIES=1, LLM_IDLE_TIMEOUT=0.5) as t:
        sent = await t.ask("How much?")
        assert (await t.ada.ended(sent["run_id"]))["params"]["status"] == "complete"
        await check_texts(t, sent, ["It is five"])
        assert [row async for row in ledger()] == [(1, 1, 0, True), (1, 1, 1, False)]
        assert [request.body for request in t.model.requests] == [t.model.requests[0].body] * 2


@pytest.mark.django_db(transaction=True)
async def test_subscribers_get_steps_reset_only_once_the_retry_sends_content() -> None:
    gate = Gate()
    retry: Reply = [wait_for(gate), *answer("It is five")]
    async with talk([text("It is f"), cut()], retry, RUN_CUT_RETRIES=1) as t:
        sent = await t.ada.call("message.send", text="How much?")
        await t.ada.until("process_step")
        await settled(t.model.arrival(2))
        assert run_notifications(t.ada, sent["run_id"]).count("steps_reset") == 0
        gate.open()
        await t.ada.ended(sent["run_id"])
        assert run_notifications(t.ada, sent["run_id"]).count("steps_reset") == 1
        await check_texts(t, sent, ["It is five"])


@pytest.mark.django_db(transaction=True)
async def test_when_every_retry_is_cut_the_run_fails_with_the_partial_content() -> None:
    async with talk([text("one"), cut()], [text("two"), cut()], RUN_CUT_RETRIES=1) as t:
        sent = await t.ask("How much?")
        end = (await t.ada.ended(sent["run_id"]))["params"]
        assert (end["code"], end["retryable"]) == ("malformed", True)
        await check_texts(t, sent, ["two"])
        assert (await Message.objects.aget(pk=sent["assistant_message_id"])).text == "two"
        assert [row async for row in ledger()] == [(1, 1, 0, True), (1, 1, 1, True)]


@pytest.mark.django_db(transaction=True)
async def test_partial_content_is_kept_if_the_server_stays_unavailable() -> None:
    async with talk([text("one"), cut()], status(503), RUN_CUT_RETRIES=1) as t:
        sent = await t.ask("How much?")
        assert (await t.ada.ended(sent["run_id"]))["params"]["code"] == "unavailable"
        await check_texts(t, sent, ["one"])
        assert [row async for row in ledger()] == [(1, 1, 0, True)]


@pytest.mark.django_db(transaction=True)
async def test_finished_iterations_and_their_tools_are_not_repeated() -> None:
    iteration = calls(tool_call("calculator", {"expression": "6*7"}))
    async with talk(iteration, [text("It is f"), cut()], answer("It is 42"), RUN_CUT_RETRIES=1) as t:
        sent = await t.ask("How much?")
        await check_texts(t, sent, ["It is 42"])
        assert [row async for row in ledger()] == [(1, 1, 0, False), (1, 2, 0, True), (1, 2, 1, False)]
        assert len(t.model.requests) == 3


@pytest.mark.django_db(transaction=True)
async def test_cancelling_during_the_retry_keeps_the_partial_content_and_counts_it_once() -> None:
    async with talk([text("one"), cut()], [hang()], RUN_CUT_RETRIES=1) as t:
        sent = await t.ada.call("message.send", text="How much?")
        await settled(t.model.arrival(2))
        await t.ada.call("run.cancel", run_id=sent["run_id"])
        assert (await t.ada.ended(sent["run_id"]))["params"]["status"] == "cancelled"
        await check_texts(t, sent, ["one"])
        assert [row async for row in ledger()] == [(1, 1, 0, True)]
