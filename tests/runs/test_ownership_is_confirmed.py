"""A process that was suspended confirms that it still owns its runs, without waiting long for the database."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from conversations.models import Run
from conversations.runner import runner
from conversations.runner.runner import Runner
from tests.modelserver import ModelServer, hang, model_server, settled, text
from tests.site import Site, running_site

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "CHECKPOINT_INTERVAL", 1000.0)


@asynccontextmanager
async def suspended_process() -> AsyncIterator[tuple[Site, ModelServer]]:
    """A process with a live run, whose last heartbeat is older than its lease. The next one does not come during a
    test."""
    async with (
        model_server([text("Once "), hang()]) as model,
        running_site(model, RUN_HEARTBEAT=1000.0) as site,
        site.client() as ada,
    ):
        await ada.call("message.send", text="Tell me")
        await ada.until("process_step")
        site.runner._heartbeat_at = time.monotonic() - 2000
        yield site, model


@asynccontextmanager
async def writer_blocked(runner: Runner) -> AsyncIterator[None]:
    released = threading.Event()
    blocking = asyncio.create_task(runner.write(released.wait))
    try:
        yield
    finally:
        released.set()
        await blocking


async def test_a_run_that_another_process_claimed_is_stopped() -> None:
    async with suspended_process() as (site, model):
        await Run.objects.aupdate(owner="another process", attempt=2)
        await site.runner._confirm()
        await settled(model.requests[0].abandoned)
        await Run.objects.aupdate(status="failed")


async def test_all_runs_wait_for_an_unavailable_database_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "CONFIRM_TIMEOUT", 0.3)
    async with suspended_process() as (site, _), writer_blocked(site.runner), asyncio.timeout(30):
        await asyncio.gather(*(site.runner._confirm() for _ in range(200)))


async def test_a_recent_heartbeat_needs_no_query(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "CONFIRM_TIMEOUT", 60)
    async with suspended_process() as (site, _):
        await site.runner._record_heartbeat()
        async with writer_blocked(site.runner), asyncio.timeout(30):
            await site.runner._confirm()
