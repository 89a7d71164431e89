"""Collects the changes of a live run since it was last stored, as plain values for the writer thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from conversations.runs.live import Cursor, LiveStep, StepAppended, StepsForgotten, StepShown, StepUpdated


@dataclass(slots=True)
class StepWrite:
    """A write of one step: creates the row if `new`, appends `text` at `offset` characters, and sets `fields`."""

    index: int
    type: str
    new: bool
    offset: int
    fields: dict[str, Any] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.parts)


@dataclass(slots=True)
class Checkpoint:
    """Writes by step index. Steps from index `forgotten_from` on are deleted before."""

    forgotten_from: int | None = None
    writes: dict[int, StepWrite] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.forgotten_from is not None or bool(self.writes)


def take_checkpoint(cursor: Cursor) -> Checkpoint:
    """Takes the changes from the cursor. They count as stored from now on."""
    checkpoint = Checkpoint()
    for change in cursor.changes():
        match change:
            case StepShown():
                write = StepWrite(change.step.index, change.step.type, True, 0, _fields(change.step), [change.text])
                checkpoint.writes[change.step.index] = write
            case StepAppended():
                _write(checkpoint, change.step, change.offset).parts.append(change.text)
            case StepUpdated():
                _write(checkpoint, change.step, change.step.size).fields = _fields(change.step)
            case StepsForgotten():
                checkpoint.forgotten_from = change.index
    return checkpoint


def _write(checkpoint: Checkpoint, step: LiveStep, offset: int) -> StepWrite:
    return checkpoint.writes.setdefault(step.index, StepWrite(step.index, step.type, False, offset))


def _fields(step: LiveStep) -> dict[str, Any]:
    return {
        "iteration": step.iteration,
        "id_ref": step.id_ref,
        "name": step.name,
        "status": step.status or "",
        "duration": step.duration,
        "success": step.success,
        "skipped": step.skipped,
        "execution_time": step.execution_time,
    }
