"""RUN_CUT_RETRIES: a model call that breaks off in the middle is made again, and takes the place of what had come."""

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
from tests.runs.scripted_model import ScriptedModel, asks, events_of, run_of, says
from tests.runs.test_failed_and_cancelled_model_calls import act, finished_calls

BROKE_OFF = MalformedError("the connection broke off", transient=True)


def shown(events: Sequence[RunEvent]) -> list[tuple[str, str]]:
    """Type and words of the steps that are there after all of it."""
    live = LiveRun(None)  # type: ignore[arg-type]  # nobody is told of it
    for event in events:
        if isinstance(event, StepEvent):
            live.apply(event)
    return [(step.type, step.text) for step in live.in_order()]


def cuts(events: Sequence[RunEvent]) -> list[IterationCut]:
    return [event for event in events if isinstance(event, IterationCut)]


async def test_what_the_new_call_says_takes_the_place_of_what_had_come() -> None:
    model = ScriptedModel([ThinkingDelta("Hm"), TextDelta("It is f"), BROKE_OFF], says("It is five"))
    events = await events_of(run_of(model, cut_retries=1))
    assert shown(events) == [("text", "It is five")]
    assert events[-1] == RunCompleted("stop")
    assert [request.messages for request in model.requests] == [model.requests[0].messages] * 2


async def test_the_words_of_each_call_are_paid_for() -> None:
    model = ScriptedModel([TextDelta("word " * 20), BROKE_OFF], says("word " * 10))
    events = await events_of(run_of(model, cut_retries=1))
    [broken], [finished] = cuts(events), finished_calls(events)
    assert (broken.iteration, broken.usage.completion, broken.usage.estimated) == (1, 25, True)
    assert broken.usage.prompt == finished.usage.prompt > 0
    assert (finished.iteration, finished.usage.completion, finished.failed) == (1, estimate_tokens("word " * 10), False)


async def test_by_default_what_there_is_is_kept() -> None:
    model = ScriptedModel([TextDelta("It is f"), BROKE_OFF], says("never asked for"))
    events = await events_of(run_of(model))
    assert shown(events) == [("text", "It is f")]
    assert isinstance(events[-1], RunFailed)
    assert len(model.requests) == 1


async def test_after_so_many_cuts_the_last_words_are_kept() -> None:
    broken: list[list[Delta | LLMError]] = [[TextDelta(words), BROKE_OFF] for words in ("one", "two", "three")]
    model = ScriptedModel(*broken, says("too late"))
    events = await events_of(run_of(model, cut_retries=2))
    assert shown(events) == [("text", "three")]
    assert [len(cuts(events)), len(finished_calls(events)), len(model.requests)] == [2, 1, 3]
    assert events[-1] == RunFailed("malformed", MalformedError.content, retryable=True)


@pytest.mark.parametrize(
    "error", [UnreachableError("refused", transient=True), UnavailableError("503", transient=True)]
)
async def test_nothing_is_taken_back_for_a_call_that_says_nothing(error: LLMError) -> None:
    model = ScriptedModel([TextDelta("word " * 20), BROKE_OFF], [error])
    events = await events_of(run_of(model, cut_retries=2))
    assert shown(events) == [("text", "word " * 20)]
    assert len(model.requests) == 3
    [finished] = finished_calls(events)
    assert (finished.failed, finished.usage.completion, cuts(events)) == (True, 25, [])
    assert events[-1] == RunFailed(error.code, error.content, error.retryable)


@pytest.mark.parametrize(
    "error", [MalformedError("no JSON"), TimedOutError("the time for the whole answer is over")], ids=str
)
async def test_what_asking_again_does_not_mend_is_not_asked_again(error: LLMError) -> None:
    model = ScriptedModel([TextDelta("It"), error], says("never asked for"))
    await events_of(run_of(model, cut_retries=2))
    assert len(model.requests) == 1


async def test_a_call_that_broke_off_before_its_first_word_is_the_clients_to_repeat() -> None:
    model = ScriptedModel([BROKE_OFF], says("never asked for"))
    await events_of(run_of(model, cut_retries=2))
    assert len(model.requests) == 1


async def test_the_tools_of_a_call_that_was_cut_never_run_and_their_ids_are_free_again() -> None:
    begun: list[Delta | LLMError] = [TextDelta("I act"), ToolCallDelta(0, "a", "act", "{"), BROKE_OFF]
    model = ScriptedModel(begun, asks(("act", "{}"), ids=["a"]), says("done"))
    events = await events_of(run_of(model, act, cut_retries=1))
    assert [kind for kind, _ in shown(events)] == ["tool_call", "tool_result", "text"]
    assert [message.tool_call_id for message in model.requests[-1].messages if message.role == "tool"] == ["a"]


async def test_only_the_steps_of_the_call_that_was_cut_go() -> None:
    model = ScriptedModel(asks(("act", "{}")), [TextDelta("So "), BROKE_OFF], says("So it is"))
    events = await events_of(run_of(model, act, cut_retries=1))
    assert [event.index for event in events if isinstance(event, StepsReset)] == [2]
    assert [kind for kind, _ in shown(events)] == ["tool_call", "tool_result", "text"]


async def test_figures_that_the_server_gave_before_it_broke_off_are_taken() -> None:
    model = ScriptedModel([TextDelta("It"), Usage(12, 3), BROKE_OFF], says("It is"))
    [broken] = cuts(await events_of(run_of(model, cut_retries=1)))
    assert broken.usage == Usage(12, 3)


def ledger() -> Any:
    return TokenUsage.objects.order_by("pk").values_list("attempt", "iteration", "retry", "estimated")


def texts(client: Client, run_id: str) -> list[str]:
    return [step["content"] for step in client.steps(run_id) if step["type"] == "text"]


async def all_agree(t: Talk, sent: dict[str, Any], words: list[str]) -> None:
    """Whoever watched, whoever comes later, and the database."""
    assert texts(t.ada, sent["run_id"]) == words
    [*_, message] = await t.messages(sent["conversation_id"])
    assert [step["content"] for step in message["content"]["steps"] if step["type"] == "text"] == words
    assert [step.content async for step in Step.objects.filter(type="text").order_by("index")] == words
    run = await Run.objects.aget()
    assert run.completion_tokens == sum([usage.completion_tokens async for usage in TokenUsage.objects.all()])


BROKEN: dict[str, Reply] = {
    "the connection ends": [thinking("Hm"), text("It is f"), cut()],
    "the connection is reset": [text("It is f"), reset()],
    "an error in the stream": [text("It is f"), raw(b'data: {"error":{"message":"overloaded","code":503}}\n\n')],
    "silence": [text("It is f"), hang()],
    "in a tool's arguments": [text("It is f"), tool_call("calculator", '{"expre'), tool_arguments("ss"), cut()],
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_the_answer_arrives_whole(broken: Reply) -> None:
    async with talk(broken, answer("It is five"), RUN_CUT_RETRIES=1, LLM_IDLE_TIMEOUT=0.5) as t:
        sent = await t.ask("How much?")
        assert (await t.ada.ended(sent["run_id"]))["params"]["status"] == "complete"
        await all_agree(t, sent, ["It is five"])
        assert [row async for row in ledger()] == [(1, 1, 0, True), (1, 1, 1, False)]
        assert [request.body for request in t.model.requests] == [t.model.requests[0].body] * 2


@pytest.mark.django_db(transaction=True)
async def test_those_who_watch_are_told_what_is_void_when_the_new_words_come() -> None:
    gate = Gate()
    again: Reply = [wait_for(gate), *answer("It is five")]
    async with talk([text("It is f"), cut()], again, RUN_CUT_RETRIES=1) as t:
        sent = await t.ada.call("message.send", text="How much?")
        await t.ada.until("process_step")
        await settled(t.model.arrival(2))
        assert run_notifications(t.ada, sent["run_id"]).count("steps_reset") == 0
        gate.open()
        await t.ada.ended(sent["run_id"])
        assert run_notifications(t.ada, sent["run_id"]).count("steps_reset") == 1
        await all_agree(t, sent, ["It is five"])


@pytest.mark.django_db(transaction=True)
async def test_when_all_are_cut_the_error_comes_with_what_there_is() -> None:
    async with talk([text("one"), cut()], [text("two"), cut()], RUN_CUT_RETRIES=1) as t:
        sent = await t.ask("How much?")
        end = (await t.ada.ended(sent["run_id"]))["params"]
        assert (end["code"], end["retryable"]) == ("malformed", True)
        await all_agree(t, sent, ["two"])
        assert (await Message.objects.aget(pk=sent["assistant_message_id"])).text == "two"
        assert [row async for row in ledger()] == [(1, 1, 0, True), (1, 1, 1, True)]


@pytest.mark.django_db(transaction=True)
async def test_a_server_that_does_not_come_back_leaves_what_there_is() -> None:
    async with talk([text("one"), cut()], status(503), RUN_CUT_RETRIES=1) as t:
        sent = await t.ask("How much?")
        assert (await t.ada.ended(sent["run_id"]))["params"]["code"] == "unavailable"
        await all_agree(t, sent, ["one"])
        assert [row async for row in ledger()] == [(1, 1, 0, True)]


@pytest.mark.django_db(transaction=True)
async def test_finished_rounds_and_their_tools_are_not_made_again() -> None:
    asking = calls(tool_call("calculator", {"expression": "6*7"}))
    async with talk(asking, [text("It is f"), cut()], answer("It is 42"), RUN_CUT_RETRIES=1) as t:
        sent = await t.ask("How much?")
        await all_agree(t, sent, ["It is 42"])
        assert [row async for row in ledger()] == [(1, 1, 0, False), (1, 2, 0, True), (1, 2, 1, False)]
        assert len(t.model.requests) == 3


@pytest.mark.django_db(transaction=True)
async def test_who_cancels_in_the_pause_keeps_what_there_is_and_pays_for_it_once() -> None:
    async with talk([text("one"), cut()], [hang()], RUN_CUT_RETRIES=1) as t:
        sent = await t.ada.call("message.send", text="How much?")
        await settled(t.model.arrival(2))
        await t.ada.call("run.cancel", run_id=sent["run_id"])
        assert (await t.ada.ended(sent["run_id"]))["params"]["status"] == "cancelled"
        await all_agree(t, sent, ["one"])
        assert [row async for row in ledger()] == [(1, 1, 0, True)]
