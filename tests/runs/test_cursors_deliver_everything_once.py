"""Whoever follows a run, from whenever and however slowly, ends with the same steps, and gets each word once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from conversations.runs.events import (
    CallProgressed,
    CallStatusChanged,
    ResultAdded,
    StepGrew,
    StepsReset,
    StepStarted,
    ThinkingFinished,
)
from conversations.runs.live import (
    MAX_PART,
    Cursor,
    LiveRun,
    Outcome,
    RunEnded,
    RunIdentity,
    RunShown,
    StepAppended,
    StepsForgotten,
    StepShown,
    StepUpdated,
)

FACTS = ("type", "status", "progress", "duration", "success")
IDENTITY = RunIdentity("run", "conversation", "answer", "question", 1, "model", datetime(2026, 1, 1, tzinfo=UTC))


class Follower:
    """What a client makes of the changes."""

    def __init__(self, run: LiveRun) -> None:
        self.cursor = Cursor(run)
        self.steps: dict[int, dict[str, Any]] = {}
        self.outcome: Outcome | None = None
        self.characters = 0
        self.beginnings = 0

    def take(self, at_most: int | None = None) -> None:
        for count, change in enumerate(self.cursor.changes(), 1):
            self._note(change)
            if count == at_most:
                return

    def _note(self, change: Any) -> None:
        assert self.outcome is None, "nothing follows the end"
        match change:
            case RunShown():
                self.beginnings += 1
            case StepShown():
                assert change.step.index not in self.steps
                self.characters += len(change.text)
                self.steps[change.step.index] = {"text": change.text, **self._facts(change)}
            case StepAppended():
                assert change.offset == len(self.steps[change.step.index]["text"])
                self.characters += len(change.text)
                self.steps[change.step.index]["text"] += change.text
            case StepUpdated():
                self.steps[change.step.index] |= self._facts(change)
            case StepsForgotten():
                self.steps = {i: step for i, step in self.steps.items() if i < change.index}
            case RunEnded():
                self.outcome = change.outcome

    @staticmethod
    def _facts(change: StepShown | StepUpdated) -> dict[str, Any]:
        step = change.step
        return {name: getattr(step, name) for name in FACTS}


def final(run: LiveRun) -> dict[int, dict[str, Any]]:
    return {step.index: {"text": step.text, **{name: getattr(step, name) for name in FACTS}} for step in run.in_order()}


actions = st.lists(
    st.one_of(
        st.tuples(st.just("start"), st.sampled_from(["thinking", "text", "tool_call"])),
        st.tuples(st.just("grow"), st.integers(0, 9), st.text(max_size=5)),
        st.tuples(st.just("finish"), st.integers(0, 9)),
        st.tuples(st.just("progress"), st.integers(0, 9), st.text(max_size=5)),
        st.tuples(st.just("result"), st.text(max_size=5)),
        st.tuples(st.just("reset"), st.integers(0, 9)),
        st.tuples(st.just("join")),
        st.tuples(st.just("take"), st.integers(0, 9), st.one_of(st.none(), st.integers(1, 3))),
    ),
    max_size=60,
)


def next_index(run: LiveRun) -> int:
    return max(run.steps, default=-1) + 1


def play(run: LiveRun, action: tuple[Any, ...], followers: list[Follower]) -> None:
    live = run.in_order()
    match action:
        case ("start", kind):
            run.apply(StepStarted(next_index(run), 1, kind))
        case ("grow", which, text) if live:
            run.apply(StepGrew(live[which % len(live)].index, text))
        case ("finish", which) if live:
            step = live[which % len(live)]
            if step.type == "thinking":
                run.apply(ThinkingFinished(step.index, which + 1.0))
            elif step.type == "tool_call":
                run.apply(CallStatusChanged(step.index, "finished"))
        case ("progress", which, text) if live:
            run.apply(CallProgressed(live[which % len(live)].index, text))
        case ("result", text):
            run.apply(ResultAdded(next_index(run), 1, "call", "tool", text, True, False, 0.1))
        case ("reset", which) if live:
            run.apply(StepsReset(live[which % len(live)].index))
        case _:
            attend(run, action, followers)


def attend(run: LiveRun, action: tuple[Any, ...], followers: list[Follower]) -> None:
    match action:
        case ("join",):
            followers.append(Follower(run))
        case ("take", which, at_most) if followers:
            followers[which % len(followers)].take(at_most)


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
def test_no_word_is_sent_twice_also_if_what_came_before_is_void(script: list[tuple[Any, ...]]) -> None:
    run, said = LiveRun(IDENTITY), 0
    follower = Follower(run)
    for action in script:
        before = run.size
        play(run, action, [follower])
        said += max(run.size - before, 0)
    follower.take()
    assert follower.characters <= said


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


def test_a_step_larger_than_a_frame_comes_in_parts() -> None:
    run = LiveRun(IDENTITY)
    run.apply(ResultAdded(0, 1, "call", "tool", "x" * (2 * MAX_PART + 1), True, False, 0.1))
    sizes = [len(c.text) for c in Cursor(run).changes() if isinstance(c, StepShown | StepAppended)]
    assert sizes == [MAX_PART, MAX_PART, 1]


def test_a_cursor_looks_only_at_what_changed() -> None:
    run = LiveRun(IDENTITY)
    for index in range(1000):
        run.apply(StepStarted(index, 1, "text"))
    cursor = Cursor(run)
    list(cursor.changes())
    run.apply(StepGrew(500, "new"))
    assert [step.index for step in cursor._changed_steps()] == [500]


def test_followers_are_woken_at_every_change_until_they_leave() -> None:
    run = LiveRun(IDENTITY)
    woken: list[int] = []
    wake = lambda: woken.append(run.revision)  # noqa: E731
    run.follow(wake)
    run.apply(StepStarted(0, 1, "text"))
    run.apply(StepGrew(0, "x"))
    run.unfollow(wake)
    run.apply(StepGrew(0, "y"))
    assert woken == [1, 2]
