"""Encodes the changes of a run as JSON values, and applies them to a copy of it in another process.

Changes of text carry its offset in the step, so that repeated text is ignored and missing text is detected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, get_args

from conversations.runs.events import CallStatus
from conversations.runs.live import (
    Change,
    LiveRun,
    LiveStep,
    Outcome,
    RunEnded,
    RunShown,
    StepAppended,
    StepsForgotten,
    StepShown,
    StepUpdated,
)

STATE_FIELDS = ("status", "progress", "duration", "success", "skipped", "execution_time")
"""The fields of a step, other than its text, that change."""
CALL_STATUSES = get_args(CallStatus)
"""In the order in which a call goes through them."""


class GapError(Exception):
    """A change before this one is missing: the run must be requested from its start."""


def encode_change(run: LiveRun, change: Change) -> list[Any]:
    match change:
        case RunShown():
            return ["run", sorted(run.steps)]
        case StepShown():
            step = change.step
            return ["step", step.index, _identity(step), _state(step), step.size, change.text]
        case StepAppended():
            return ["text", change.step.index, change.offset, change.text]
        case StepUpdated():
            return ["state", change.step.index, _state(change.step)]
        case StepsForgotten():
            return ["forget", change.index]
        case RunEnded():
            return ["end", asdict(change.outcome)]


def apply_change(run: LiveRun, change: Sequence[Any]) -> None:
    """Applies an encoded change. Raises GapError, also for a change that this version does not know."""
    match change:
        case ["run", indexes]:
            _forget_others(run, indexes)
        case ["step", index, identity, state, size, text]:
            _set_step(run, index, identity, state, size, text)
        case ["text", index, offset, text]:
            _append_text(run, _get_step(run, index), offset, text)
        case ["state", index, state]:
            _update_state(run, _get_step(run, index), state)
        case ["forget", index]:
            run.forget(index)
        case ["end", outcome]:
            run.end(Outcome(**outcome))
        case _:
            raise GapError


def replace_steps(run: LiveRun, steps: Sequence[LiveStep]) -> None:
    """Makes these the steps of the run. Those that only grow stay, so that their followers get the difference."""
    _forget_others(run, [step.index for step in steps])
    for step in steps:
        _set_step(run, step.index, _identity(step), _state(step), step.size, step.text)


def _identity(step: LiveStep) -> list[Any]:
    """Returns the fields that never change, in the order of LiveStep's parameters."""
    return [step.iteration, step.type, step.id_ref, step.name]


def _state(step: LiveStep) -> dict[str, Any]:
    return {name: getattr(step, name) for name in STATE_FIELDS}


def _forget_others(run: LiveRun, indexes: Sequence[int]) -> None:
    """Forgets the steps from the first one on whose index is not among these."""
    gone = set(run.steps) - set(indexes)
    if gone:
        run.forget(min(gone))


def _set_step(run: LiveRun, index: int, identity: Sequence[Any], state: dict[str, Any], size: int, text: str) -> None:
    """Adds or updates a step of `size` characters, of which `text` are the first. Forgets a known step, and those
    behind it, if that one cannot become the new one by growing."""
    step = run.steps.get(index)
    if step is not None and not (_can_become(step, identity, state, size) and _agrees(step, 0, text)):
        run.forget(index)
        step = None
    if step is None:
        step = LiveStep(index, *identity)
        run.add(step)
    _update_state(run, step, state)
    _append_text(run, step, 0, text)


def _can_become(step: LiveStep, identity: Sequence[Any], state: dict[str, Any], size: int) -> bool:
    """Whether nothing of the step would have to be taken back: neither text nor progress."""

    def rank(status: str | None) -> int:
        return CALL_STATUSES.index(status) if status in CALL_STATUSES else -1

    goes_back = rank(step.status) > rank(state["status"]) or (step.duration is not None and state["duration"] is None)
    return _identity(step) == list(identity) and step.size <= size and not goes_back


def _update_state(run: LiveRun, step: LiveStep, state: dict[str, Any]) -> None:
    if _state(step) != state:
        run.update(step.index, **state)


def _agrees(step: LiveStep, offset: int, text: str) -> bool:
    """Whether the step's own text at the offset is the same, as far as it goes."""
    return text.startswith(step.text[offset : offset + len(text)])


def _get_step(run: LiveRun, index: int) -> LiveStep:
    if index not in run.steps:
        raise GapError
    return run.steps[index]


def _append_text(run: LiveRun, step: LiveStep, offset: int, text: str) -> None:
    """Appends what of the text is new. Raises GapError if the text does not follow on the step's."""
    if offset > step.size:
        raise GapError
    if offset < step.size and not _agrees(step, offset, text):
        run.forget(step.index)
        raise GapError
    if new := text[step.size - offset :]:
        run.extend(step.index, new)
