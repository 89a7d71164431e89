"""What grows is stored about once a second, what has ended at once; so a crash costs a second of an answer at most."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

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


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Rows tell nobody when they change: they are looked at again and again."""
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.01)


async def rows() -> list[tuple[str, str]]:
    return [(step.type, step.arguments or step.content) async for step in Step.objects.order_by("index")]


def test_what_grows_is_stored_about_once_a_second() -> None:
    assert runner.CHECKPOINT_INTERVAL == 1


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "CHECKPOINT_INTERVAL", 0.02)


@pytest.mark.usefixtures("often")
async def test_a_streaming_answer_is_in_the_database_before_it_ends() -> None:
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
        await until(lambda: rows_are([("thinking", "Hm"), ("text", "Once ")]))
        first.open()
        await until(lambda: rows_are([("thinking", "Hm"), ("text", "Once upon ")]))
        assert (await Message.objects.aget(role="assistant")).status == "streaming"
        second.open()
        await ada.ended(sent["run_id"])
        assert await rows() == [("thinking", "Hm"), ("text", "Once upon a time")]
        assert [step.size async for step in Step.objects.order_by("index")] == [2, 16]


async def rows_are(expected: list[tuple[str, str]]) -> bool:
    return await rows() == expected


async def test_the_end_of_a_model_call_is_stored_before_its_tools_have_ended() -> None:
    gate = Gate()
    replies = [calls(tool_call("calculator", {"expression": "6*7"})), [wait_for(gate), *answer("42")]]
    async with model_server(*replies) as model, running_site(model) as site, site.client() as ada:
        sent = await ada.call("message.send", text="6*7?")
        await settled(model.arrival(2))
        run, usage = await Run.objects.aget(), await TokenUsage.objects.aget()
        assert (run.iteration, run.status) == (1, "running")
        assert (usage.iteration, usage.prompt_tokens, usage.completion_tokens) == (1, 10, 5)
        assert (await rows())[0] == ("tool_call", '{"expression": "6*7"}')
        gate.open()
        await ada.ended(sent["run_id"])
        assert await TokenUsage.objects.acount() == 2
        run = await Run.objects.aget()
        assert (run.iteration, run.status, run.prompt_tokens, run.completion_tokens) == (2, "complete", 20, 10)


@pytest.mark.usefixtures("often")
async def test_cancelling_keeps_what_there_is_and_closes_what_is_open() -> None:
    reply = [thinking("Let me see"), text("It"), tool_call("calculator", '{"expr'), hang()]
    async with model_server(reply) as model, running_site(model) as site, site.client() as ada:
        sent = await ada.call("message.send", text="Go")
        await ada.until("process_step", type="tool_call")
        await ada.call("run.cancel", run_id=sent["run_id"])
        end = await ada.ended(sent["run_id"])
        assert (end["method"], end["params"]["status"]) == ("done", "cancelled")
        await settled(model.requests[0].abandoned)
        assert await rows() == [("thinking", "Let me see"), ("text", "It"), ("tool_call", '{"expr')]
        thought, _, call = [step async for step in Step.objects.order_by("index")]
        assert thought.duration is not None
        assert call.status == "finished"
        message = await Message.objects.aget(role="assistant")
        assert (message.status, message.text) == ("cancelled", "It")


async def test_a_call_that_was_cut_is_paid_for_by_what_came() -> None:
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


def delete_as_an_administrator(model: type[Model]) -> None:
    try:
        with transaction.atomic():
            lock_live_runs(model._default_manager.all())
            model._default_manager.all().delete()
    finally:
        connections.close_all()


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("deleted", ["conversation", "run"])
async def test_a_run_whose_rows_are_gone_stops_asking_the_model(deleted: str) -> None:
    gate = Gate()
    endless = [part for n in range(400) for part in (text(f"{n} "), pause(0.02))]
    reply = [text("Once "), wait_for(gate), *endless]
    async with model_server(reply, answer("Hello")) as model, running_site(model) as site, site.client() as ada:
        sent = await ada.call("message.send", text="Tell me")
        await ada.until("process_step")
        await asyncio.to_thread(delete_as_an_administrator, Conversation if deleted == "conversation" else Run)
        gate.open()
        await settled(model.requests[0].abandoned)
        await ada.ended(sent["run_id"])
        assert site.runner.live_run(sent["conversation_id"]) is None
        usage = await TokenUsage.objects.aget()
        assert (usage.run_id, usage.estimated) == (None, True)
        again = await ada.call("message.send", text="Are you well?")
        assert (await ada.ended(again["run_id"]))["params"]["status"] == "complete"


async def test_a_run_whose_row_is_gone_is_not_in_the_way_of_the_next() -> None:
    first, second = Gate(), Gate()
    replies = [[wait_for(first), *answer("One")], [wait_for(second), *answer("Two")]]
    async with model_server(*replies) as model, running_site(model) as site, site.client() as ada:
        gone = await ada.call("message.send", text="One?")
        await settled(model.arrival(1))
        await Run.objects.all().adelete()
        where = gone["conversation_id"]
        sent = await ada.call("message.send", text="Two?", conversation_id=where)
        await settled(model.arrival(2))
        first.open()
        await ada.ended(gone["run_id"])
        live = site.runner.live_run(where)
        assert live is not None
        assert live.identity.run_id == sent["run_id"]
        second.open()
        assert (await ada.ended(sent["run_id"]))["params"]["status"] == "complete"
        assert site.runner.live_run(where) is None
