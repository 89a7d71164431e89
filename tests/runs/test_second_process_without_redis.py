"""A second process on the same database without Redis logs a warning, and leaves the runs of the first alone."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.core import checks
from django.db import connection

from chatsite.lifespan import ALONE_AGAIN, NOT_ALONE
from chatsite.process_lock import AdvisoryLock, FileLock, database_lock
from conversations.models import Run
from tests.client import CallError
from tests.faults.waiting import until
from tests.modelserver import Gate, answer, model_server, text, wait_for
from tests.site import running_site

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def locks_of_earlier_tests_are_released(transactional_db: None) -> None:
    until_released()


def until_released() -> None:
    """Waits until nobody holds the lock: PostgreSQL releases it a moment after its connection was closed."""
    deadline = time.monotonic() + 30
    while connection.vendor == "postgresql" and advisory_locks():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def advisory_locks() -> int:
    """Returns how many are held in this database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
            " WHERE locktype = 'advisory' AND datname = current_database()"
        )
        return int(cursor.fetchone()[0])


@pytest.fixture
def lifespan_log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "chatsite.lifespan")
    return caplog


def database_check_ids() -> list[str | None]:
    return [found.id for found in checks.run_checks(tags=[checks.Tags.database], databases=["default"])]


async def until_beats(run_id: str, count: int) -> None:
    """Waits for so many more heartbeats of the run's owner."""
    first = (await Run.objects.aget(pk=run_id)).beat
    async with asyncio.timeout(30):
        while (await Run.objects.aget(pk=run_id)).beat < first + count:
            await asyncio.sleep(0.05)


async def test_a_second_process_warns_and_does_not_claim_the_runs_of_the_first(
    lifespan_log: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    gate = Gate()
    reply = [text("Once "), wait_for(gate), *answer("upon a time")]
    async with model_server(reply) as model, running_site(model) as first, first.client() as ada:
        assert NOT_ALONE not in lifespan_log.messages
        sent = await ada.call("message.send", text="Tell me")
        await ada.until("process_step")
        async with running_site(model, VAR_DIR=tmp_path) as second, second.client() as tab:
            assert lifespan_log.messages.count(NOT_ALONE) == 1
            await until_beats(sent["run_id"], 8)  # twice the time after which a silent owner counts as dead
            with pytest.raises(CallError) as refused:
                await tab.call("message.send", text="And now?", conversation_id=sent["conversation_id"])
            assert refused.value.data["code"] == "run_active"
        gate.open()
        assert (await ada.ended(sent["run_id"]))["params"]["status"] == "complete"
        assert [step["content"] for step in ada.steps(sent["run_id"])] == ["Once upon a time"]
    run = await Run.objects.aget()
    assert (run.attempt, run.owner) == (1, first.runner.owner)


async def test_a_process_logs_when_the_other_one_has_stopped(lifespan_log: pytest.LogCaptureFixture) -> None:
    other = database_lock()
    assert await sync_to_async(other.acquire)()
    async with model_server(answer("Hello")) as model, running_site(model, RUN_HEARTBEAT=0.2):
        assert NOT_ALONE in lifespan_log.messages
        other.release()
        await until(lambda: ALONE_AGAIN in lifespan_log.messages, "the process has the lock")


async def test_a_system_check_warns_while_another_process_runs() -> None:
    async with model_server(answer("Hello")) as model, running_site(model):
        assert await sync_to_async(database_check_ids)() == ["chatsite.W011"]
    await sync_to_async(until_released)()
    assert await sync_to_async(database_check_ids)() == []


def test_the_system_check_runs_only_with_a_database() -> None:
    assert "chatsite.W011" not in [found.id for found in checks.run_checks()]


@pytest.mark.parametrize("kind", [FileLock, pytest.param(AdvisoryLock, marks=pytest.mark.only_on("postgresql"))])
def test_processes_with_redis_share_the_lock_and_exclude_one_without(
    kind: type[FileLock | AdvisoryLock], tmp_path: Path
) -> None:
    def lock(*, shared: bool) -> FileLock | AdvisoryLock:
        return FileLock(tmp_path / "lock", shared=shared) if kind is FileLock else AdvisoryLock(shared=shared)

    first, second, exclusive = lock(shared=True), lock(shared=True), lock(shared=False)
    assert (first.acquire(), second.acquire(), first.acquire(), exclusive.acquire()) == (True, True, True, False)
    first.release()
    assert not exclusive.acquire()
    second.release()
    until_released()
    assert exclusive.acquire()
    assert not first.acquire()
    for each in (first, second, exclusive):
        each.release()
