"""A run that starts while the server stops is handed over like the others, or its question is refused."""

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


class CommitBlocker:
    """Blocks the writer thread before a commit until `released` is set."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.released = threading.Event()

    def after(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        """Returns the operation with a block at its end, when it has written but is not committed."""

        def run_and_block(**arguments: Any) -> Any:
            result = operation(**arguments)
            self.block()
            return result

        return run_and_block

    def block(self) -> None:
        self.reached.set()
        assert self.released.wait(30)

    async def until_reached(self) -> None:
        assert await asyncio.to_thread(self.reached.wait, 30)


@pytest.fixture
def blocker() -> Iterator[CommitBlocker]:
    blocker = CommitBlocker()
    yield blocker
    blocker.released.set()


async def begin_stop(runner: Runner) -> asyncio.Task[None]:
    """Begins to stop the runner, and returns once it hands over."""
    task = asyncio.create_task(runner.stop(grace=0))
    await until(lambda: runner.is_handing_over, "the runner hands over")
    return task


async def test_a_question_stored_during_shutdown_is_acknowledged_and_handed_over(
    blocker: CommitBlocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "ask_once", blocker.after(store.ask_once))
    async with model_server([hang()]) as model, running_site(model) as site, site.client() as ada:
        asking = asyncio.create_task(ada.call("message.send", text="Tell me"))
        await blocker.until_reached()
        stop = await begin_stop(site.runner)
        blocker.released.set()
        sent = await asking
        assert await ada.closed() == 4012
        await stop
    run = await Run.objects.aget()
    assert (str(run.pk), run.status, run.owner) == (sent["run_id"], "running", None)


async def test_a_question_not_yet_stored_at_shutdown_is_refused(blocker: CommitBlocker) -> None:
    async with model_server(answer("not requested")) as model, running_site(model) as site, site.client() as ada:
        blocking = asyncio.ensure_future(site.runner.write(blocker.block))
        await blocker.until_reached()
        asking = asyncio.create_task(ada.call("message.send", text="Tell me"))
        await until(lambda: site.runner.is_starting_runs, "the question waits for the writer")
        stop = await begin_stop(site.runner)
        blocker.released.set()
        with pytest.raises(CallError) as refused:
            await asking
        assert refused.value.data["code"] == "unavailable"
        await blocking
        await stop
    assert await Message.objects.acount() == 0


async def test_a_run_being_claimed_at_shutdown_is_handed_over(
    blocker: CommitBlocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with model_server([hang()]) as model, running_site(model, RUN_HEARTBEAT=60.0) as site:
        monkeypatch.setattr(store, "claim_runs", blocker.after(store.claim_runs))
        await sync_to_async(store_question)("Tell me", owner="a process that stopped", model=MODEL)
        await Run.objects.aupdate(owner=None)
        claiming = asyncio.create_task(site.runner.claim_expired_runs())
        await blocker.until_reached()
        stop = await begin_stop(site.runner)
        blocker.released.set()
        await stop
        await claiming
    run = await Run.objects.aget()
    assert (run.owner, run.attempt, run.crashes) == (None, 2, 0)
