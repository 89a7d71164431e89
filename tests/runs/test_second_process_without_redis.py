"""Two processes on one database that do not know of each other: the second says so, and does no harm."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.core import checks

from chatsite.lifespan import ALONE_AGAIN, NOT_ALONE
from chatsite.process_lock import AdvisoryLock, FileLock, database_lock
from conversations.models import Run
from tests.client import CallError
from tests.faults.waiting import until
from tests.modelserver import Gate, answer, model_server, text, wait_for
from tests.site import running_site

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "chatsite.lifespan")
    return caplog


def warnings() -> list[str | None]:
    return [found.id for found in checks.run_checks(tags=[checks.Tags.database], databases=["default"])]


async def beats(run_id: str, count: int) -> None:
    """Returns when the owner of the run has given so many more signs of life."""
    first = (await Run.objects.aget(pk=run_id)).beat
    async with asyncio.timeout(30):
        while (await Run.objects.aget(pk=run_id)).beat < first + count:
            await asyncio.sleep(0.05)


async def test_the_second_says_so_and_leaves_the_answers_of_the_first_alone(
    said: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    gate = Gate()
    reply = [text("Once "), wait_for(gate), *answer("upon a time")]
    async with model_server(reply) as model, running_site(model) as first, first.client() as ada:
        assert NOT_ALONE not in said.messages
        sent = await ada.call("message.send", text="Tell me")
        await ada.until("process_step")
        async with running_site(model, VAR_DIR=tmp_path) as second, second.client() as tab:
            assert said.messages.count(NOT_ALONE) == 1
            await beats(sent["run_id"], 8)  # twice as long as one who is silent counts as dead
            with pytest.raises(CallError) as refused:
                await tab.call("message.send", text="And now?", conversation_id=sent["conversation_id"])
            assert refused.value.data["code"] == "run_active"
        gate.open()
        assert (await ada.ended(sent["run_id"]))["params"]["status"] == "complete"
        assert [step["content"] for step in ada.steps(sent["run_id"])] == ["Once upon a time"]
    run = await Run.objects.aget()
    assert (run.attempt, run.owner) == (1, first.runner.owner)


async def test_it_says_when_the_other_one_has_gone(said: pytest.LogCaptureFixture) -> None:
    other = database_lock()
    assert await sync_to_async(other.acquire)()
    async with model_server(answer("Hello")) as model, running_site(model, RUN_HEARTBEAT=0.2):
        assert NOT_ALONE in said.messages
        other.release()
        await until(lambda: ALONE_AGAIN in said.messages, "it has the lock")


async def test_a_check_warns_before_a_second_one_is_started() -> None:
    async with model_server(answer("Hello")) as model, running_site(model):
        assert await sync_to_async(warnings)() == ["chatsite.W011"]
    assert await sync_to_async(warnings)() == []


def test_a_check_that_may_not_ask_the_database_does_not() -> None:
    assert "chatsite.W011" not in [found.id for found in checks.run_checks()]


@pytest.mark.parametrize("kind", [FileLock, pytest.param(AdvisoryLock, marks=pytest.mark.only_on("postgresql"))])
def test_those_with_a_redis_share_the_lock_and_who_has_none_is_told(
    kind: type[FileLock | AdvisoryLock], tmp_path: Path
) -> None:
    def lock(*, shared: bool) -> FileLock | AdvisoryLock:
        return FileLock(tmp_path / "lock", shared=shared) if kind is FileLock else AdvisoryLock(shared=shared)

    one, two, alone = lock(shared=True), lock(shared=True), lock(shared=False)
    assert (one.acquire(), two.acquire(), one.acquire(), alone.acquire()) == (True, True, True, False)
    one.release()
    assert not alone.acquire()
    two.release()
    assert alone.acquire()
    assert not one.acquire()
    for each in (one, two, alone):
        each.release()
