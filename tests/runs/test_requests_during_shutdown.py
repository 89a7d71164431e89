"""What is acknowledged while the server stops is handed over like the rest, and what cannot be is refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from conversations import store
from conversations.models import Message, Run
from conversations.runner.runner import Runner
from tests.client import CallError
from tests.data.rows import store_question
from tests.faults.waiting import until
from tests.modelserver import MODEL, answer, hang, model_server
from tests.site import running_site

pytestmark = pytest.mark.django_db(transaction=True)


class Hold:
    """Holds an operation in the writer thread, with all that it has written and before it is committed."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.released = threading.Event()

    def behind(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def carry_out(**arguments: Any) -> Any:
            result = operation(**arguments)
            self.stay()
            return result

        return carry_out

    def stay(self) -> None:
        self.reached.set()
        assert self.released.wait(30)

    async def until_reached(self) -> None:
        assert await asyncio.to_thread(self.reached.wait, 30)


@pytest.fixture
def hold() -> Iterator[Hold]:
    hold = Hold()
    yield hold
    hold.released.set()


async def stopping(runner: Runner) -> asyncio.Task[None]:
    """It stops, and has begun to hand over."""
    task = asyncio.create_task(runner.stop(grace=0))
    await until(lambda: runner.is_handing_over, "it hands over")
    return task


async def test_a_question_that_is_stored_late_is_acknowledged_and_handed_over(
    hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "ask_once", hold.behind(store.ask_once))
    async with model_server([hang()]) as model, running_site(model) as site, site.client() as ada:
        asking = asyncio.create_task(ada.call("message.send", text="Tell me"))
        await hold.until_reached()
        stop = await stopping(site.runner)
        hold.released.set()
        sent = await asking
        assert await ada.closed() == 4012
        await stop
    run = await Run.objects.aget()
    assert (str(run.pk), run.status, run.owner) == (sent["run_id"], "running", None)


async def test_a_question_that_is_not_stored_yet_is_refused(hold: Hold) -> None:
    async with model_server(answer("no")) as model, running_site(model) as site, site.client() as ada:
        held = asyncio.ensure_future(site.runner.write(hold.stay))
        await hold.until_reached()
        asking = asyncio.create_task(ada.call("message.send", text="Tell me"))
        await until(lambda: site.runner.is_starting_runs, "the question waits for the writer")
        stop = await stopping(site.runner)
        hold.released.set()
        with pytest.raises(CallError) as refused:
            await asking
        assert refused.value.data["code"] == "unavailable"
        await held
        await stop
    assert await Message.objects.acount() == 0


async def test_a_run_that_is_just_being_taken_up_is_handed_on(hold: Hold, monkeypatch: pytest.MonkeyPatch) -> None:
    async with model_server([hang()]) as model, running_site(model, RUN_HEARTBEAT=60.0) as site:
        monkeypatch.setattr(store, "claim_runs", hold.behind(store.claim_runs))
        await sync_to_async(store_question)("Tell me", owner="a process that stopped", model=MODEL)
        await Run.objects.aupdate(owner=None)
        looking = asyncio.create_task(site.runner.claim_expired_runs())
        await hold.until_reached()
        stop = await stopping(site.runner)
        hold.released.set()
        await stop
        await looking
    run = await Run.objects.aget()
    assert (run.owner, run.attempt, run.crashes) == (None, 2, 0)
