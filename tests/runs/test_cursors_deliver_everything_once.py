"""Every follower of a live run, however late or slow, gets all steps, and each character once."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from conversations.runs.events import ResultAdded, StepGrew, StepStarted
from conversations.runs.live import MAX_PART, Cursor, LiveRun, Outcome, StepAppended, StepShown
from tests.runs.live_runs import IDENTITY, Follower, actions, final, play


@given(actions)
def test_any_interleaving_gives_every_follower_the_final_state(script: list[tuple[Any, ...]]) -> None:
    run = LiveRun(IDENTITY)
    followers = [Follower(run)]
    for action in script:
        play(run, action, followers)
    followers.append(Follower(run))
    run.end(Outcome("complete", finish_reason="stop"))
    for follower in followers:
        follower.take()
        assert follower.steps == final(run)
        assert follower.beginnings == 1
        assert follower.outcome == run.outcome
        follower.take()


@given(actions)
def test_no_character_is_sent_twice_even_after_resets(script: list[tuple[Any, ...]]) -> None:
    run, added = LiveRun(IDENTITY), 0
    follower = Follower(run)
    for action in script:
        before = run.size
        play(run, action, [follower])
        added += max(run.size - before, 0)
    follower.take()
    assert follower.characters <= added


@given(st.lists(st.integers(0, 3), min_size=1, max_size=80))
def test_without_resets_each_character_is_sent_once(pauses: list[int]) -> None:
    run = LiveRun(IDENTITY)
    run.apply(StepStarted(0, 1, "text"))
    follower = Follower(run)
    for pause in pauses:
        run.apply(StepGrew(0, "word "))
        if pause == 0:
            follower.take()
    follower.take()
    assert follower.characters == 5 * len(pauses)


def test_a_step_larger_than_a_frame_is_sent_in_parts() -> None:
    run = LiveRun(IDENTITY)
    run.apply(ResultAdded(0, 1, "call", "tool", "x" * (2 * MAX_PART + 1), True, False, 0.1))
    sizes = [len(c.text) for c in Cursor(run).changes() if isinstance(c, StepShown | StepAppended)]
    assert sizes == [MAX_PART, MAX_PART, 1]


def test_a_cursor_reads_only_changed_steps() -> None:
    run = LiveRun(IDENTITY)
    for index in range(1000):
        run.apply(StepStarted(index, 1, "text"))
    cursor = Cursor(run)
    list(cursor.changes())
    run.apply(StepGrew(500, "new"))
    assert [step.index for step in cursor._changed_steps()] == [500]


def test_followers_are_woken_by_every_change_until_they_unfollow() -> None:
    run = LiveRun(IDENTITY)
    woken: list[int] = []
    wake = lambda: woken.append(run.revision)  # noqa: E731
    run.follow(wake)
    run.apply(StepStarted(0, 1, "text"))
    run.apply(StepGrew(0, "x"))
    run.unfollow(wake)
    run.apply(StepGrew(0, "y"))
    assert woken == [1, 2]
