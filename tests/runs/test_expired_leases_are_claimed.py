"""A lease that was seen unchanged for a heartbeat of the watching process may be claimed; a gap restarts the wait."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from asgiref.sync import sync_to_async

from conversations.models import Run
from conversations.runs.leases import LeaseWatch, SeenLease
from tests.data.rows import store_question
from tests.modelserver import MODEL, answer, hang, model_server, settled, text
from tests.protocol.talk import run_notifications
from tests.site import running_site

LEASE = SeenLease(uuid.uuid4(), "another process", attempt=1, beat=7)


class FakeClock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def look(watch: LeaseWatch, clock: FakeClock, *leases: SeenLease, times: int, interval: float = 2.5) -> list[SeenLease]:
    """Looks at the leases several times, `interval` seconds apart. Returns what the last look found."""
    found: list[SeenLease] = []
    for _ in range(times):
        found = watch.update(leases)
        clock.now += interval
    return found


def test_a_lease_unchanged_for_a_heartbeat_may_be_claimed(clock: FakeClock) -> None:
    watch = LeaseWatch(10, clock)
    assert look(watch, clock, LEASE, times=4) == []
    assert watch.update([LEASE]) == [LEASE]


def test_a_beat_restarts_the_wait(clock: FakeClock) -> None:
    watch = LeaseWatch(10, clock)
    look(watch, clock, LEASE, times=4)
    assert look(watch, clock, replace(LEASE, beat=8), times=4) == []


def test_a_run_that_was_handed_over_may_be_claimed_at_once(clock: FakeClock) -> None:
    handed_over = replace(LEASE, owner=None)
    assert LeaseWatch(10, clock).update([LEASE, handed_over]) == [handed_over]


def test_a_pause_of_the_watching_process_restarts_the_wait(clock: FakeClock) -> None:
    watch = LeaseWatch(10, clock)
    watch.update([LEASE])
    clock.now += 30
    assert watch.update([LEASE]) == []


def test_a_failed_read_restarts_the_wait(clock: FakeClock) -> None:
    watch = LeaseWatch(10, clock)
    look(watch, clock, LEASE, times=4)
    watch.reset()
    assert watch.update([LEASE]) == []


@pytest.mark.django_db(transaction=True)
async def test_a_running_process_claims_the_run_of_a_dead_one() -> None:
    async with (
        model_server(answer("Once upon a time")) as model,
        running_site(model, RUN_HEARTBEAT=0.4) as site,
        site.client() as ada,
    ):
        orphaned = await sync_to_async(store_question)("Tell me", owner="a dead process", model=MODEL)
        await ada.call("conversation.subscribe", conversation_id=str(orphaned.conversation.pk))
        assert (await ada.ended(str(orphaned.run.pk)))["params"]["status"] == "complete"


@pytest.mark.django_db(transaction=True)
async def test_a_process_that_lost_a_run_stops_it_and_disconnects_its_subscribers() -> None:
    async with model_server([text("Once "), hang()]) as model, running_site(model) as site, site.client() as ada:
        sent = await ada.call("message.send", text="Tell me")
        await ada.until("process_step")
        await Run.objects.aupdate(owner="another process", attempt=2)
        assert await ada.closed() == 4012
        await settled(model.requests[0].abandoned)
        assert not {"done", "error"} & set(run_notifications(ada, sent["run_id"]))
        run = await Run.objects.aget()
        assert (run.status, run.owner) == ("running", "another process")
        await Run.objects.aupdate(status="failed")
