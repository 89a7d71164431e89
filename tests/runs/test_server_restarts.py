"""A stop lets live runs end for a grace period and hands over the rest; the next start resumes them."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import sync_to_async

from conversations.models import Run, Step, TokenUsage
from tests.client import CallError
from tests.data.rows import store_question
from tests.modelserver import MODEL, Gate, answer, hang, model_server, settled, text, wait_for
from tests.site import running_site

pytestmark = pytest.mark.django_db(transaction=True)


async def test_stopping_stores_and_hands_over_every_live_run() -> None:
    async with model_server([text("Once "), hang()]) as model:
        async with running_site(model) as site, site.client() as ada:
            sent = [await ada.call("message.send", text="Tell me") for _ in range(3)]
            for each in sent:
                await ada.until("process_step", run_id=each["run_id"])
        for request in model.requests:
            await settled(request.abandoned)
    runs = [run async for run in Run.objects.all()]
    assert [(run.status, run.owner) for run in runs] == [("running", None)] * 3
    assert [step.content async for step in Step.objects.all()] == ["Once "] * 3


async def test_the_next_start_resumes_runs_that_were_handed_over() -> None:
    async with model_server([text("Once "), hang()], answer("Once upon a time", completion=4)) as model:
        async with running_site(model) as site, site.client() as ada:
            sent = await ada.call("message.send", text="Tell me")
            await ada.until("process_step")
        async with running_site(model) as site, site.client() as ada:
            await ada.call("conversation.subscribe", conversation_id=sent["conversation_id"], run_id=sent["run_id"])
            end = await ada.ended(sent["run_id"])
            assert (end["method"], end["params"]["status"]) == ("done", "complete")
            assert [step["content"] for step in ada.steps(sent["run_id"])] == ["Once upon a time"]
    run = await Run.objects.aget()
    assert (run.attempt, run.status) == (2, "complete")
    ledger = [(u.attempt, u.iteration, u.estimated) async for u in TokenUsage.objects.order_by("pk")]
    assert ledger == [(1, 1, True), (2, 1, False)]
    assert end["params"]["completion_tokens"] == sum([u.completion_tokens async for u in TokenUsage.objects.all()])


async def test_stopping_closes_connections_with_4012_without_ending_runs() -> None:
    async with model_server([text("Once "), hang()]) as model, running_site(model) as site, site.client() as ada:
        sent = await ada.call("message.send", text="Tell me")
        await site.runner.stop()
        assert await ada.closed() == 4012
        assert [step["content"] for step in ada.steps(sent["run_id"])] in ([], ["Once "])
        assert not ada.received("done")
        assert not ada.received("error")


async def test_a_run_that_ends_within_the_grace_period_is_complete() -> None:
    gate = Gate()
    async with (
        model_server([text("Once "), wait_for(gate), *answer("upon a time")]) as model,
        running_site(model, SHUTDOWN_GRACE=5) as site,
        site.client() as ada,
    ):
        sent = await ada.call("message.send", text="Tell me")
        await ada.until("process_step")
        stopping = asyncio.create_task(site.runner.stop())
        await asyncio.sleep(0)
        with pytest.raises(CallError) as refused:
            await ada.call("message.send", text="One more")
        assert refused.value.data["code"] == "unavailable"
        gate.open()
        await stopping
        assert (await ada.ended(sent["run_id"]))["params"]["status"] == "complete"
        assert await Run.objects.acount() == 1


async def test_the_next_start_resumes_runs_left_by_a_crash() -> None:
    crashed = await sync_to_async(store_question)("Tell me", owner="a process that died", model=MODEL)
    await Step.objects.acreate(message=crashed.message, index=0, type="text", content="Once ", size=5, iteration=1)
    async with model_server(answer("Once upon a time")) as model, running_site(model) as site, site.client() as ada:
        conversation_id, run_id = str(crashed.conversation.pk), str(crashed.run.pk)
        await ada.call("conversation.subscribe", conversation_id=conversation_id, run_id=run_id)
        assert (await ada.ended(run_id))["params"]["status"] == "complete"
        conversation = await ada.call("conversation.get", conversation_id=conversation_id)
        assert conversation["messages"][1]["content"]["text"] == "Once upon a time"
        assert [m["content"] for m in model.requests[0].body["messages"]][1:] == ["Tell me"]


async def test_a_run_fails_after_too_many_crashes() -> None:
    crashed = await sync_to_async(store_question)("Tell me", owner="a process that died", model=MODEL)
    await Run.objects.filter(pk=crashed.run.pk).aupdate(attempt=3, crashes=2)
    await Step.objects.acreate(message=crashed.message, index=0, type="text", content="Once ", size=5, iteration=1)
    async with (
        model_server(answer("not requested")) as model,
        running_site(model, RUN_MAX_ATTEMPTS=3) as site,
        site.client() as ada,
    ):
        await ada.call(
            "conversation.subscribe", conversation_id=str(crashed.conversation.pk), run_id=str(crashed.run.pk)
        )
        end = await ada.ended(str(crashed.run.pk))
        assert (end["method"], end["params"]["code"], end["params"]["retryable"]) == ("error", "interrupted", True)
        assert model.requests == []


async def test_a_run_survives_any_number_of_restarts() -> None:
    restarts = 4
    cut = [[text("Once "), hang()]] * restarts
    async with model_server(*cut, answer("Once upon a time")) as model:
        async with running_site(model, RUN_MAX_ATTEMPTS=1) as site, site.client() as ada:
            sent = await ada.call("message.send", text="Tell me")
            await ada.until("process_step")
        for number in range(2, restarts + 1):
            async with running_site(model, RUN_MAX_ATTEMPTS=1):
                await settled(model.arrival(number))
        async with running_site(model, RUN_MAX_ATTEMPTS=1) as site, site.client() as ada:
            await ada.call("conversation.subscribe", conversation_id=sent["conversation_id"], run_id=sent["run_id"])
            assert (await ada.ended(sent["run_id"]))["params"]["status"] == "complete"
    run = await Run.objects.aget()
    assert (run.attempt, run.crashes) == (restarts + 1, 0)
