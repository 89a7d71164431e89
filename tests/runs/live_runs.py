"""Live runs that change at random, and followers that build the steps from what a cursor gives them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

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

FIELDS = ("type", "status", "progress", "duration", "success")
IDENTITY = RunIdentity("run", "conversation", "answer", "question", 1, "model", datetime(2026, 1, 1, tzinfo=UTC))


class Follower:
    """Builds the steps from the changes that a cursor gives, as a client does, and counts what it gets."""

    def __init__(self, run: LiveRun) -> None:
        self.cursor = Cursor(run)
        self.steps: dict[int, dict[str, Any]] = {}
        self.outcome: Outcome | None = None
        self.characters = 0
        self.beginnings = 0

    def take(self, at_most: int | None = None) -> None:
        """Takes what is new, or only the first `at_most` changes of it."""
        for count, change in enumerate(self.cursor.changes(), 1):
            self._apply(change)
            if count == at_most:
                return

    def _apply(self, change: Any) -> None:
        assert self.outcome is None, "a change after the end"
        match change:
            case RunShown():
                self.beginnings += 1
            case StepShown():
                assert change.step.index not in self.steps
                self.characters += len(change.text)
                self.steps[change.step.index] = {"text": change.text, **self._fields(change)}
            case StepAppended():
                assert change.offset == len(self.steps[change.step.index]["text"])
                self.characters += len(change.text)
                self.steps[change.step.index]["text"] += change.text
            case StepUpdated():
                self.steps[change.step.index] |= self._fields(change)
            case StepsForgotten():
                self.steps = {i: step for i, step in self.steps.items() if i < change.index}
            case RunEnded():
                self.outcome = change.outcome

    @staticmethod
    def _fields(change: StepShown | StepUpdated) -> dict[str, Any]:
        step = change.step
        return {name: getattr(step, name) for name in FIELDS}


def final(run: LiveRun) -> dict[int, dict[str, Any]]:
    """Returns the steps of the run in the form in which a follower has them."""
    return {
        step.index: {"text": step.text, **{name: getattr(step, name) for name in FIELDS}} for step in run.in_order()
    }


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
"""Scripts for `play`."""


def next_index(run: LiveRun) -> int:
    return max(run.steps, default=-1) + 1


def play(run: LiveRun, action: tuple[Any, ...], followers: list[Follower]) -> None:
    """Changes the run, adds a follower or lets one take what is new. Does nothing if the run has no step to change."""
    steps = run.in_order()
    match action:
        case ("start", kind):
            run.apply(StepStarted(next_index(run), 1, kind))
        case ("grow", which, text) if steps:
            run.apply(StepGrew(steps[which % len(steps)].index, text))
        case ("finish", which) if steps:
            step = steps[which % len(steps)]
            if step.type == "thinking":
                run.apply(ThinkingFinished(step.index, which + 1.0))
            elif step.type == "tool_call":
                run.apply(CallStatusChanged(step.index, "finished"))
        case ("progress", which, text) if steps:
            run.apply(CallProgressed(steps[which % len(steps)].index, text))
        case ("result", text):
            run.apply(ResultAdded(next_index(run), 1, "call", "tool", text, True, False, 0.1))
        case ("reset", which) if steps:
            run.apply(StepsReset(steps[which % len(steps)].index))
        case _:
            play_follower(run, action, followers)


def play_follower(run: LiveRun, action: tuple[Any, ...], followers: list[Follower]) -> None:
    match action:
        case ("join",):
            followers.append(Follower(run))
        case ("take", which, at_most) if followers:
            followers[which % len(followers)].take(at_most)
