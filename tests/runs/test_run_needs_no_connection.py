"""A run belongs to its process, not to a connection: neither waits for the other, and an ended run is freed."""

from __future__ import annotations

import asyncio
import threading
import weakref

import pytest

from conversations.models import Message
from tests.faults.waiting import until
from tests.modelserver import (
    Gate,
    answer,
    hang,
    model_server,
    settled,
    text,
    threaded_model_server,
    wait_for,
)
from tests.site import running_site

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_connection_serves_other_requests_while_a_model_is_silent() -> None:
    replies = [[hang()], answer("Hello")]
    async with model_server(*replies) as model, running_site(model) as site, site.client() as ada:
        silent = await ada.call("message.send", text="Anybody there?")
        await settled(model.arrival(1))
        got = await ada.call("conversation.get", conversation_id=silent["conversation_id"])
        assert got["run"]["id"] == silent["run_id"]
        assert len((await ada.call("conversation.list"))["conversations"]) == 1
        other = await ada.call("message.send", text="And you?")
        assert (await ada.ended(other["run_id"]))["params"]["status"] == "complete"
        await ada.call("run.cancel", run_id=silent["run_id"])
        assert (await ada.ended(silent["run_id"]))["params"]["status"] == "cancelled"


async def test_closing_the_tab_does_not_end_the_run() -> None:
    gate = Gate()
    reply = [text("Once "), wait_for(gate), *answer("upon a time")]
    async with model_server(reply) as model, running_site(model) as site:
        async with site.client() as ada:
            sent = await ada.call("message.send", text="Tell me")
            await ada.until("process_step")
        user_id = (await site.user()).pk

        await until(
            lambda: site.runner.subscribers.connection_count(user_id) == 0, "the server has closed the connection"
        )
        gate.open()
        async with site.client() as ada:
            await ada.call("conversation.subscribe", conversation_id=sent["conversation_id"], run_id=sent["run_id"])
            await ada.ended(sent["run_id"])
            assert [step["content"] for step in ada.steps(sent["run_id"])] == ["Once upon a time"]
        assert (await Message.objects.aget(role="assistant")).text == "Once upon a time"


async def test_a_waiting_run_takes_one_task_and_no_thread() -> None:
    with threaded_model_server(answer("Hello"), [hang()]) as model:
        async with running_site(model, LIMIT_RUNS_PER_USER=50) as site, site.client() as ada:
            first = await ada.call("message.send", text="Hello")
            await ada.ended(first["run_id"])
            for _ in range(4):
                await ada.call("conversation.list")
            tasks, threads = asyncio.all_tasks(), threading.active_count()
            for n in range(20):
                await ada.call("message.send", text=f"Question {n}")
            await settled(model.arrival(21))
            assert len(asyncio.all_tasks()) - len(tasks) == 20
            assert threading.active_count() == threads


async def test_an_ended_run_is_freed_from_memory() -> None:
    gate = Gate()
    async with (
        model_server([text("Once "), wait_for(gate), *answer("upon a time")]) as model,
        running_site(model) as site,
        site.client() as ada,
        site.client() as second_tab,
    ):
        sent = await ada.call("message.send", text="Tell me")
        await second_tab.call("conversation.subscribe", conversation_id=sent["conversation_id"])
        await second_tab.until("process_step")
        live = site.runner.live_run(sent["conversation_id"])
        assert live is not None
        freed = asyncio.Event()
        weakref.finalize(live, freed.set)
        del live
        gate.open()
        for tab in (ada, second_tab):
            await tab.ended(sent["run_id"])
        assert site.runner.live_run(sent["conversation_id"]) is None
        await asyncio.wait_for(freed.wait(), 30)
