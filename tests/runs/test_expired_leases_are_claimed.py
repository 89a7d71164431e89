"""A lease that has not moved for a heartbeat of our own clock may be claimed; whatever makes us unsure starts anew."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from asgiref.sync import sync_to_async

from conversations.models import Run
from conversations.runs.leases import LeaseWatch, SeenLease
from tests.client import Client
from tests.data.rows import store_question
from tests.modelserver import MODEL, answer, hang, model_server, settled, text
from tests.site import running_site

LEASE = SeenLease(uuid.uuid4(), "another process", attempt=1, beat=7)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def looks(watch: LeaseWatch, clock: Clock, *leases: SeenLease, times: int, every: float = 2.5) -> list[SeenLease]:
    found: list[SeenLease] = []
    for _ in range(times):
        found = watch.look(leases)
        clock.now += every
    return found


def test_an_owner_that_is_silent_for_a_heartbeat_is_dead(clock: Clock) -> None:
    watch = LeaseWatch(10, clock)
    assert looks(watch, clock, LEASE, times=4) == []
    assert watch.look([LEASE]) == [LEASE]


def test_a_beat_starts_the_count_anew(clock: Clock) -> None:
    watch = LeaseWatch(10, clock)
    looks(watch, clock, LEASE, times=4)
    assert looks(watch, clock, replace(LEASE, beat=8), times=4) == []


def test_what_was_handed_over_may_be_claimed_at_once(clock: Clock) -> None:
    free = replace(LEASE, owner=None)
    assert LeaseWatch(10, clock).look([LEASE, free]) == [free]


def test_a_pause_of_our_own_starts_the_count_anew(clock: Clock) -> None:
    watch = LeaseWatch(10, clock)
    watch.look([LEASE])
    clock.now += 30
    assert watch.look([LEASE]) == []


def test_a_database_that_cannot_be_read_starts_the_count_anew(clock: Clock) -> None:
    watch = LeaseWatch(10, clock)
    looks(watch, clock, LEASE, times=4)
    watch.forget()
    assert watch.look([LEASE]) == []


@pytest.mark.django_db(transaction=True)
async def test_the_run_of_a_silent_process_is_taken_up_while_we_serve() -> None:
    async with (
        model_server(answer("Once upon a time")) as model,
        running_site(model, RUN_HEARTBEAT=0.4) as site,
        site.client() as ada,
    ):
        left = await sync_to_async(store_question)("Tell me", owner="a process that dies now", model=MODEL)
        await ada.call("conversation.subscribe", conversation_id=str(left.conversation.pk))
        assert (await ada.ended(str(left.run.pk)))["params"]["status"] == "complete"


@pytest.mark.django_db(transaction=True)
async def test_a_process_whose_run_was_taken_stops_it_and_sends_its_followers_away() -> None:
    async def of(run_id: str, ada: Client) -> list[str]:
        return [n["method"] for n in ada.notifications if n["params"].get("run_id") == run_id]

    async with model_server([text("Once "), hang()]) as model, running_site(model) as site, site.client() as ada:
        sent = await ada.call("message.send", text="Tell me")
        await ada.until("process_step")
        await Run.objects.aupdate(owner="another process", attempt=2)
        assert await ada.closed() == 4012
        await settled(model.requests[0].abandoned)
        assert not {"done", "error"} & set(await of(sent["run_id"], ada))
        run = await Run.objects.aget()
        assert (run.status, run.owner) == ("running", "another process")
        await Run.objects.aupdate(status="failed")
