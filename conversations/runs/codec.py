"""Changes of a run as plain values, for the way to another process, and what becomes of them there.

A change says where in a step its text begins, so that what comes twice is known, and what is missing is noticed.
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
"""In the order in which a call comes to them."""


class GapError(Exception):
    """Something is missing before this change: the run must be shown anew."""


def pack(run: LiveRun, change: Change) -> list[Any]:
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


def unpack(run: LiveRun, change: Sequence[Any]) -> None:
    """Brings the run to where the change leads. Raises GapError."""
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


def bring(run: LiveRun, steps: Sequence[LiveStep]) -> None:
    """Makes these the run's steps, whatever it had: what agrees stays as it is."""
    _keep(run, [step.index for step in steps])
    for step in steps:
        _show(run, step.index, _nature(step), _facts(step), step.size, step.text)


def _nature(step: LiveStep) -> list[Any]:
    """What of a step never changes."""
    return [step.iteration, step.type, step.id_ref, step.name]


def _facts(step: LiveStep) -> dict[str, Any]:
    return {name: getattr(step, name) for name in FACTS}


def _keep(run: LiveRun, indexes: Sequence[int]) -> None:
    """What the owner does not have any more is void."""
    gone = set(run.steps) - set(indexes)
    if gone:
        run.forget(min(gone))


def _show(run: LiveRun, index: int, nature: Sequence[Any], facts: dict[str, Any], size: int, text: str) -> None:
    """A step of `size` characters, of which `text` are the first."""
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
    """Whether the step can become so by going on: what was shown as finished does not go back."""
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
    """Whether what the step has of this text is the same."""
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
