"""Replicas show the runs of other processes as they are, also when their owners send nothing more."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from conversations.models import Run
from conversations.queries.catch_up import RunSnapshot
from conversations.runner.cluster import replicas
from conversations.runs.events import StepGrew, StepStarted
from conversations.runs.live import LiveRun, Outcome
from tests.cluster.channel_layer import TwoProcesses, two_processes, two_processes_on
from tests.faults.waiting import until

END = Outcome("complete", finish_reason="stop", completion_tokens=3)


def stored(run: LiveRun, *words: str, outcome: Outcome | None = None) -> LiveRun:
    """Returns the run as stored, with these steps."""
    rows = LiveRun(run.identity)
    for index, word in enumerate(words):
        rows.apply(StepStarted(index, 1, "text"))
        rows.apply(StepGrew(index, word))
    if outcome is not None:
        rows.end(outcome)
    return rows


@pytest.fixture
def expired_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every owner counts as silent, and every replica as unfollowed for long."""
    monkeypatch.setattr(replicas, "SILENCE_TIMEOUT", -1.0)
    monkeypatch.setattr(replicas, "UNFOLLOWED_TIMEOUT", -1.0)


async def silence_owner(pair: TwoProcesses, run: LiveRun) -> None:
    """Cuts off the owner."""
    pair.layer.delivers = lambda message: False
    pair.links.close()


@pytest.mark.usefixtures("expired_timeouts")
async def test_a_replica_without_followers_is_dropped_and_its_owner_is_notified() -> None:
    async with two_processes() as pair:
        run, row = pair.create_run("One ")
        live = pair.replicas.follow(row, LiveRun(run.identity))
        wake = lambda: None  # noqa: E731
        live.follow(wake)
        await pair.layer.until("link.ack")
        await pair.replicas.maintain()
        assert pair.replicas.live_in(run.identity.conversation_id) is live
        live.unfollow(wake)
        await pair.replicas.maintain()
        assert pair.replicas.live_in(run.identity.conversation_id) is None
        run.apply(StepGrew(0, "two"))
        answer = await pair.layer.until("link.ack", len(pair.layer.of_type("link.ack")) + 1)
        assert answer["unwanted"] == [run.identity.run_id]


@pytest.mark.usefixtures("expired_timeouts")
async def test_a_run_whose_owner_is_gone_ends_as_it_is_stored() -> None:
    async with two_processes() as pair:
        run, row = pair.create_run("Hello wor")
        follower = pair.follow(row)
        await pair.until_text_is(follower, "Hello wor")
        await silence_owner(pair, run)
        pair.snapshots[str(row.pk)] = RunSnapshot(row, stored(run, "Hello", "Hello world", outcome=END))
        await pair.replicas.maintain()
        follower.take()
        assert [step["text"] for step in follower.steps.values()] == ["Hello", "Hello world"]
        assert follower.outcome == END
        assert pair.replicas.live_in(run.identity.conversation_id) is None


@pytest.mark.usefixtures("expired_timeouts")
async def test_a_deleted_run_ends_as_cancelled() -> None:
    async with two_processes() as pair:
        run, row = pair.create_run("One ")
        follower = pair.follow(row)
        await pair.until_text_is(follower, "One ")
        await silence_owner(pair, run)
        pair.snapshots.clear()
        await pair.replicas.maintain()
        follower.take()
        assert follower.outcome == Outcome("cancelled", finish_reason="cancelled")
        assert [each.identity for each in pair.deleted] == [run.identity]


@pytest.mark.usefixtures("expired_timeouts")
async def test_a_replica_subscribes_to_the_new_owner_of_its_run() -> None:
    async with two_processes() as pair, two_processes_on(pair.layer) as new:
        run, row = pair.create_run("Once upon a ti")
        follower = pair.follow(row)
        await pair.until_text_is(follower, "Once upon a ti")
        await silence_owner(pair, run)
        pair.layer.delivers = lambda message: True
        again = stored(run, "Once more")
        new.runs[run.identity.run_id] = again, 2
        claimed = Run(pk=row.pk, owner=new.owner_inbox.address, attempt=2)
        pair.snapshots[str(row.pk)] = RunSnapshot(claimed, LiveRun(run.identity))
        await pair.replicas.maintain()
        await pair.until_text_is(follower, "Once more")
        assert follower.beginnings == 1


async def test_rows_older_than_the_received_changes_change_nothing() -> None:
    async with two_processes() as pair:
        run, row = pair.create_run("One ")
        pair.runs[run.identity.run_id] = run, 2
        follower = pair.follow(Run(pk=row.pk, owner=pair.owner_inbox.address, attempt=2))
        await pair.until_text_is(follower, "One ")
        pair.replicas.follow(Run(pk=row.pk, owner="another", attempt=1), LiveRun(run.identity))
        run.apply(StepGrew(0, "two"))
        await pair.until_text_is(follower, "One two")
        assert [message["type"] for message in pair.layer.sent].count("link.watch") == 1


async def test_a_run_that_its_owner_no_longer_has_is_read_from_the_database() -> None:
    async with two_processes() as pair:
        run, row = pair.create_run("Hello")
        del pair.runs[run.identity.run_id]
        pair.snapshots[str(row.pk)] = RunSnapshot(row, stored(run, "Hello", outcome=END))
        follower = pair.follow(row)
        await pair.until_text_is(follower, "Hello")
        assert follower.outcome == END


async def test_an_owner_that_does_not_know_its_run_is_asked_only_once() -> None:
    async with two_processes() as pair:
        run, row = pair.create_run("Hello")
        del pair.runs[run.identity.run_id]
        pair.follow(row)
        await pair.layer.until("link.unknown")
        await asyncio.sleep(0.03)
        assert len(pair.layer.of_type("link.watch")) == 1


async def test_stored_steps_are_shown_until_the_owner_answers() -> None:
    async with two_processes() as pair:
        run, row = pair.create_run("Once upon a time")
        pair.layer.delivers = lambda message: False
        live = pair.replicas.follow(row, stored(run, "Once upon"))
        assert [step.text for step in live.in_order()] == ["Once upon"]
        pair.layer.delivers = lambda message: True
        await pair.replicas.refresh_all()
        await until(lambda: live.steps[0].text == "Once upon a time", "the replica has the text of the owner")
        assert not live.resets


async def test_a_new_run_in_a_conversation_ends_the_replica_of_the_previous_run() -> None:
    async with two_processes() as pair:
        run, row = pair.create_run("One ")
        follower = pair.follow(row)
        await pair.until_text_is(follower, "One ")
        pair.layer.delivers = lambda message: False
        pair.snapshots[str(row.pk)] = RunSnapshot(row, stored(run, "One two", outcome=END))
        next_run, next_row = pair.create_run("Next")
        pair.replicas.follow(
            next_row, LiveRun(replace(next_run.identity, conversation_id=run.identity.conversation_id))
        )
        await pair.until_text_is(follower, "One two")
        assert follower.outcome == END
