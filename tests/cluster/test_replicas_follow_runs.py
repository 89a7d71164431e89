"""A run of another process is shown here as it stands, also when nothing is heard of it any more."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from conversations.models import Run
from conversations.queries.catch_up import RunSnapshot
from conversations.runner.cluster import replicas
from conversations.runs.events import StepGrew, StepStarted
from conversations.runs.live import LiveRun, Outcome
from tests.cluster.channel_layer import Ends, both_ends, joined
from tests.faults.waiting import until

END = Outcome("complete", finish_reason="stop", completion_tokens=3)


def stored(run: LiveRun, *words: str, outcome: Outcome | None = None) -> LiveRun:
    """The run as its rows have it, with these steps."""
    rows = LiveRun(run.identity)
    for index, word in enumerate(words):
        rows.apply(StepStarted(index, 1, "text"))
        rows.apply(StepGrew(index, word))
    if outcome is not None:
        rows.end(outcome)
    return rows


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody is silent, and nobody has followed for long."""
    monkeypatch.setattr(replicas, "SILENCE_TIMEOUT", -1.0)
    monkeypatch.setattr(replicas, "UNFOLLOWED_TIMEOUT", -1.0)


async def silenced(ends: Ends, run: LiveRun) -> None:
    """The owner is gone."""
    ends.layer.passes = lambda mail: False
    ends.links.close()


@pytest.mark.usefixtures("at_once")
async def test_what_nobody_follows_is_dropped_and_the_owner_hears_of_it() -> None:
    async with both_ends() as ends:
        run, row = ends.make("One ")
        live = ends.replicas.follow(row, LiveRun(run.identity))
        wake = lambda: None  # noqa: E731
        live.follow(wake)
        await ends.layer.until("link.taken")
        await ends.replicas.maintain()
        assert ends.replicas.live_in(run.identity.conversation_id) is live
        live.unfollow(wake)
        await ends.replicas.maintain()
        assert ends.replicas.live_in(run.identity.conversation_id) is None
        run.apply(StepGrew(0, "two"))
        answer = await ends.layer.until("link.taken", len(ends.layer.of("link.taken")) + 1)
        assert answer["unwanted"] == [run.identity.run_id]


@pytest.mark.usefixtures("at_once")
async def test_a_run_whose_owner_is_gone_ends_as_its_rows_do() -> None:
    async with both_ends() as ends:
        run, row = ends.make("Hello wor")
        follower = ends.follow(row)
        await ends.caught_up(follower, "Hello wor")
        await silenced(ends, run)
        ends.rows[str(row.pk)] = RunSnapshot(row, stored(run, "Hello", "Hello world", outcome=END))
        await ends.replicas.maintain()
        follower.take()
        assert [step["text"] for step in follower.steps.values()] == ["Hello", "Hello world"]
        assert follower.outcome == END
        assert ends.replicas.live_in(run.identity.conversation_id) is None


@pytest.mark.usefixtures("at_once")
async def test_a_run_that_was_deleted_ends_as_cancelled() -> None:
    async with both_ends() as ends:
        run, row = ends.make("One ")
        follower = ends.follow(row)
        await ends.caught_up(follower, "One ")
        await silenced(ends, run)
        ends.rows.clear()
        await ends.replicas.maintain()
        follower.take()
        assert follower.outcome == Outcome("cancelled", finish_reason="cancelled")
        assert [each.identity for each in ends.deleted] == [run.identity]


@pytest.mark.usefixtures("at_once")
async def test_a_new_owner_is_asked_for_what_he_has() -> None:
    async with both_ends() as ends, joined(ends.layer) as new:
        run, row = ends.make("Once upon a ti")
        follower = ends.follow(row)
        await ends.caught_up(follower, "Once upon a ti")
        await silenced(ends, run)
        ends.layer.passes = lambda mail: True
        again = stored(run, "Once more")
        new.made[run.identity.run_id] = again, 2
        claimed = Run(pk=row.pk, owner=new.here.address, attempt=2)
        ends.rows[str(row.pk)] = RunSnapshot(claimed, LiveRun(run.identity))
        await ends.replicas.maintain()
        await ends.caught_up(follower, "Once more")
        assert follower.beginnings == 1


async def test_rows_that_are_older_than_the_news_change_nothing() -> None:
    async with both_ends() as ends:
        run, row = ends.make("One ")
        ends.made[run.identity.run_id] = run, 2
        follower = ends.follow(Run(pk=row.pk, owner=ends.here.address, attempt=2))
        await ends.caught_up(follower, "One ")
        ends.replicas.follow(Run(pk=row.pk, owner="another", attempt=1), LiveRun(run.identity))
        run.apply(StepGrew(0, "two"))
        await ends.caught_up(follower, "One two")
        assert [mail["type"] for mail in ends.layer.sent].count("link.watch") == 1


async def test_an_owner_that_has_the_run_no_more_says_so_and_the_rows_are_looked_at() -> None:
    async with both_ends() as ends:
        run, row = ends.make("Hello")
        del ends.made[run.identity.run_id]
        ends.rows[str(row.pk)] = RunSnapshot(row, stored(run, "Hello", outcome=END))
        follower = ends.follow(row)
        await ends.caught_up(follower, "Hello")
        assert follower.outcome == END


async def test_an_owner_that_does_not_know_its_run_is_not_asked_on_and_on() -> None:
    async with both_ends() as ends:
        run, row = ends.make("Hello")
        del ends.made[run.identity.run_id]
        ends.follow(row)
        await ends.layer.until("link.unknown")
        await asyncio.sleep(0.03)
        assert len(ends.layer.of("link.watch")) == 1


async def test_what_is_stored_is_shown_until_the_owner_answers() -> None:
    async with both_ends() as ends:
        run, row = ends.make("Once upon a time")
        ends.layer.passes = lambda mail: False
        live = ends.replicas.follow(row, stored(run, "Once upon"))
        assert [step.text for step in live.in_order()] == ["Once upon"]
        ends.layer.passes = lambda mail: True
        await ends.replicas.refresh_all()
        await until(lambda: live.steps[0].text == "Once upon a time", "what the owner has")
        assert not live.resets


async def test_when_a_conversation_has_a_new_run_the_one_before_has_ended() -> None:
    async with both_ends() as ends:
        run, row = ends.make("One ")
        follower = ends.follow(row)
        await ends.caught_up(follower, "One ")
        ends.layer.passes = lambda mail: False
        ends.rows[str(row.pk)] = RunSnapshot(row, stored(run, "One two", outcome=END))
        next_run, next_row = ends.make("Next")
        ends.replicas.follow(
            next_row, LiveRun(replace(next_run.identity, conversation_id=run.identity.conversation_id))
        )
        await ends.caught_up(follower, "One two")
        assert follower.outcome == END
