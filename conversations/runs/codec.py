"""Encodes the changes of a run as plain values for another process, and applies them there.

A change names the offset of its text in the step, so that a repeated or missing one is noticed.
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

FACTS = ("status", "progress", "duration", "success", "skipped", "execution_time")
STATUSES = get_args(CallStatus)
"""In the order of a call's life."""


class GapError(Exception):
    """A change before this one is missing: the whole run must be sent again."""


def encode_change(run: LiveRun, change: Change) -> list[Any]:
    match change:
        case RunShown():
            return ["run", sorted(run.steps)]
        case StepShown():
            step = change.step
            return ["step", step.index, _nature(step), _facts(step), step.size, change.text]
        case StepAppended():
            return ["text", change.step.index, change.offset, change.text]
        case StepUpdated():
            return ["facts", change.step.index, _facts(change.step)]
        case StepsForgotten():
            return ["forget", change.index]
        case RunEnded():
            return ["end", asdict(change.outcome)]


def apply_change(run: LiveRun, change: Sequence[Any]) -> None:
    """Applies a change to a replica. Raises GapError."""
    match change:
        case ["run", indexes]:
            _keep(run, indexes)
        case ["step", index, nature, facts, size, text]:
            _show(run, index, nature, facts, size, text)
        case ["text", index, offset, text]:
            _extend(run, _step(run, index), offset, text)
        case ["facts", index, facts]:
            _update(run, _step(run, index), facts)
        case ["forget", index]:
            run.forget(index)
        case ["end", outcome]:
            run.end(Outcome(**outcome))
        case _:
            raise GapError


def replace_steps(run: LiveRun, steps: Sequence[LiveStep]) -> None:
    """Makes these the run's steps. Steps that agree stay as they are."""
    _keep(run, [step.index for step in steps])
    for step in steps:
        _show(run, step.index, _nature(step), _facts(step), step.size, step.text)


def _nature(step: LiveStep) -> list[Any]:
    """Returns the fields of a step that never change."""
    return [step.iteration, step.type, step.id_ref, step.name]


def _facts(step: LiveStep) -> dict[str, Any]:
    return {name: getattr(step, name) for name in FACTS}


def _keep(run: LiveRun, indexes: Sequence[int]) -> None:
    """Removes the steps that the owner no longer has."""
    gone = set(run.steps) - set(indexes)
    if gone:
        run.forget(min(gone))


def _show(run: LiveRun, index: int, nature: Sequence[Any], facts: dict[str, Any], size: int, text: str) -> None:
    """Adds or updates a step of `size` characters that starts with `text`."""
    known = run.steps.get(index)
    if known is not None and not (_leads_to(known, nature, facts, size) and _agrees(known, 0, text)):
        run.forget(index)
        known = None
    if known is None:
        known = LiveStep(index, *nature)
        run.add(known)
    _update(run, known, facts)
    _extend(run, known, 0, text)


def _leads_to(known: LiveStep, nature: Sequence[Any], facts: dict[str, Any], size: int) -> bool:
    """Whether the step can become the new one by growing: what was finished stays finished."""
    goes_back = _rank(known.status) > _rank(facts["status"]) or (
        known.duration is not None and facts["duration"] is None
    )
    return _nature(known) == list(nature) and known.size <= size and not goes_back


def _rank(status: str | None) -> int:
    return STATUSES.index(status) if status in STATUSES else -1


def _update(run: LiveRun, step: LiveStep, facts: dict[str, Any]) -> None:
    if _facts(step) != facts:
        run.update(step.index, **facts)


def _agrees(step: LiveStep, offset: int, text: str) -> bool:
    """Whether the step's text is the same where both have it."""
    return text.startswith(step.text[offset : offset + len(text)])


def _step(run: LiveRun, index: int) -> LiveStep:
    if index not in run.steps:
        raise GapError
    return run.steps[index]


def _extend(run: LiveRun, step: LiveStep, offset: int, text: str) -> None:
    if offset > step.size:
        raise GapError
    if offset < step.size and not _agrees(step, offset, text):
        run.forget(step.index)
        raise GapError
    if new := text[step.size - offset :]:
        run.extend(step.index, new)
