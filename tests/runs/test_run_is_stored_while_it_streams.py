"""Growing steps are stored about once a second and finished ones at once, so a crash loses at most a second."""

from __future__ import annotations

import asyncio

import pytest
from django.db import connections, transaction
from django.db.models import Model

from conversations.models import Conversation, Message, Run, Step, TokenUsage
from conversations.runner import runner
from conversations.store.deletion import lock_live_runs
from tests.modelserver import (
    Gate,
    answer,
    calls,
    done,
    finish,
    hang,
    model_server,
    pause,
    settled,
    text,
    thinking,
    tool_call,
    wait_for,
)
from tests.site import running_site

pytestmark = pytest.mark.django_db(transaction=True)


async def steps() -> list[tuple[str, str]]:
    return [(step.type, step.arguments or step.content) async for step in Step.objects.order_by("index")]


def test_growing_steps_are_stored_once_a_second() -> None:
    assert runner.CHECKPOINT_INTERVAL == 1


@pytest.fixture
def frequent_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "CHECKPOINT_INTERVAL", 0.02)


@pytest.mark.usefixtures("frequent_checkpoints")
async def test_a_streaming_answer_is_stored_before_it_ends() -> None:
    first, second = Gate(), Gate()
    reply = [
        thinking("Hm"),
        text("Once "),
        wait_for(first),
        text("upon "),
        wait_for(second),
        text("a time"),
        finish(),
        done(),
    ]
    async with model_server(reply) as model, running_site(model) as site, site.client() as ada:
        sent = await ada.call("message.send", text="Tell me")
        await until_stored([("thinking", "Hm"), ("text", "Once ")])
        first.open()
        await until_stored([("thinking", "Hm"), ("text", "Once upon ")])
        assert (await Message.objects.aget(role="assistant")).status == "streaming"
        second.open()
        await ada.ended(sent["run_id"])
        assert await steps() == [("thinking", "Hm"), ("text", "Once upon a time")]
        assert [step.size async for step in Step.objects.order_by("index")] == [2, 16]


async def until_stored(expected: list[tuple[str, str]]) -> None:
    """Waits until the database has these steps."""
    async with asyncio.timeout(30):
        while await steps() != expected:
            await asyncio.sleep(0.01)


async def test_a_finished_model_call_is_stored_before_the_next_one_starts() -> None:
    gate = Gate()
    replies = [calls(tool_call("calculator", {"expression": "6*7"})), [wait_for(gate), *answer("42")]]
    async with model_server(*replies) as model, running_site(model) as site, site.client() as ada:
        sent = await ada.call("message.send", text="6*7?")
        await settled(model.arrival(2))
        run, usage = await Run.objects.aget(), await TokenUsage.objects.aget()
        assert (run.iteration, run.status) == (1, "running")
        assert (usage.iteration, usage.prompt_tokens, usage.completion_tokens) == (1, 10, 5)
        assert (await steps())[0] == ("tool_call", '{"expression": "6*7"}')
        gate.open()
        await ada.ended(sent["run_id"])
        assert await TokenUsage.objects.acount() == 2
        run = await Run.objects.aget()
        assert (run.iteration, run.status, run.prompt_tokens, run.completion_tokens) == (2, "complete", 20, 10)


@pytest.mark.usefixtures("frequent_checkpoints")
async def test_cancelling_keeps_partial_steps_and_marks_them_finished() -> None:
    reply = [thinking("Let me see"), text("It"), tool_call("calculator", '{"expr'), hang()]
    async with model_server(reply) as model, running_site(model) as site, site.client() as ada:
        sent = await ada.call("message.send", text="Go")
        await ada.until("process_step", type="tool_call")
        await ada.call("run.cancel", run_id=sent["run_id"])
        end = await ada.ended(sent["run_id"])
        assert (end["method"], end["params"]["status"]) == ("done", "cancelled")
        await settled(model.requests[0].abandoned)
        assert await steps() == [("thinking", "Let me see"), ("text", "It"), ("tool_call", '{"expr')]
        thinking_step, _, call_step = [step async for step in Step.objects.order_by("index")]
        assert thinking_step.duration is not None
        assert call_step.status == "finished"
        message = await Message.objects.aget(role="assistant")
        assert (message.status, message.text) == ("cancelled", "It")


async def test_the_usage_of_a_cancelled_model_call_is_estimated() -> None:
    reply = [text("four token word"), hang()]
    async with model_server(reply) as model, running_site(model) as site, site.client() as ada:
        sent = await ada.call("message.send", text="Go")
        await ada.until("process_step")
        await ada.call("run.cancel", run_id=sent["run_id"])
        end = await ada.ended(sent["run_id"])
        usage, run = await TokenUsage.objects.aget(), await Run.objects.aget()
        assert usage.estimated
        assert usage.completion_tokens == run.completion_tokens == end["params"]["completion_tokens"] == 4
        assert usage.prompt_tokens == run.prompt_tokens > 0


def delete_all(model: type[Model]) -> None:
    """Deletes all rows of the model, as the admin does."""
    try:
        with transaction.atomic():
            lock_live_runs(model._default_manager.all())
            model._default_manager.all().delete()
    finally:
        connections.close_all()


@pytest.mark.usefixtures("frequent_checkpoints")
@pytest.mark.parametrize("deleted", ["conversation", "run"])
async def test_a_run_whose_rows_are_deleted_stops_calling_the_model(deleted: str) -> None:
    gate = Gate()
    endless = [part for n in range(400) for part in (text(f"{n} "), pause(0.02))]
    reply = [text("Once "), wait_for(gate), *endless]
    async with model_server(reply, answer("Hello")) as model, running_site(model) as site, site.client() as ada:
        sent = await ada.call("message.send", text="Tell me")
        await ada.until("process_step")
        await asyncio.to_thread(delete_all, Conversation if deleted == "conversation" else Run)
        gate.open()
        await settled(model.requests[0].abandoned)
        await ada.ended(sent["run_id"])
        assert site.runner.live_run(sent["conversation_id"]) is None
        usage = await TokenUsage.objects.aget()
        assert (usage.run_id, usage.estimated) == (None, True)
        second = await ada.call("message.send", text="Are you well?")
        assert (await ada.ended(second["run_id"]))["params"]["status"] == "complete"


async def test_a_run_whose_row_is_deleted_does_not_block_the_next_one() -> None:
    first, second = Gate(), Gate()
    replies = [[wait_for(first), *answer("One")], [wait_for(second), *answer("Two")]]
    async with model_server(*replies) as model, running_site(model) as site, site.client() as ada:
        deleted = await ada.call("message.send", text="One?")
        await settled(model.arrival(1))
        await Run.objects.all().adelete()
        conversation_id = deleted["conversation_id"]
        sent = await ada.call("message.send", text="Two?", conversation_id=conversation_id)
        await settled(model.arrival(2))
        first.open()
        await ada.ended(deleted["run_id"])
        live = site.runner.live_run(conversation_id)
        assert live is not None
        assert live.identity.run_id == sent["run_id"]
        second.open()
        assert (await ada.ended(sent["run_id"]))["params"]["status"] == "complete"
        assert site.runner.live_run(conversation_id) is None
