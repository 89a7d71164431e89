"""A process that stood still makes sure that its runs are still its own; a database that is away holds none up long."""

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


@asynccontextmanager
async def answering() -> AsyncIterator[tuple[Site, ModelServer]]:
    """A process with a live run that stood still for longer than its lease."""
    async with model_server([text("Once "), hang()]) as model, running_site(model) as site, site.client() as ada:
        await ada.call("message.send", text="Tell me")
        await ada.until("process_step")
        site.runner._heartbeat_at = time.monotonic() - 100
        yield site, model


@asynccontextmanager
async def database_away(runner: Runner) -> AsyncIterator[None]:
    back = threading.Event()
    waiting = asyncio.create_task(runner.write(back.wait))
    try:
        yield
    finally:
        back.set()
        await waiting


async def test_a_run_that_another_process_took_meanwhile_is_stopped() -> None:
    async with answering() as (site, model):
        await Run.objects.aupdate(owner="another process", attempt=2)
        await site.runner._confirm()
        await settled(model.requests[0].abandoned)
        await Run.objects.aupdate(status="failed")


async def test_all_wait_for_a_database_that_is_away_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "CONFIRM_TIMEOUT", 0.3)
    async with answering() as (site, _), database_away(site.runner), asyncio.timeout(30):
        await asyncio.gather(*(site.runner._confirm() for _ in range(200)))


async def test_nothing_is_asked_of_the_database_after_a_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "CONFIRM_TIMEOUT", 60)
    async with answering() as (site, _):
        await site.runner._record_heartbeat()
        async with database_away(site.runner), asyncio.timeout(30):
            await site.runner._confirm()
