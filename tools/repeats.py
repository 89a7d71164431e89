"""What a run remembers of its calls, so that an identical one need not be carried out again."""

from __future__ import annotations

from dataclasses import dataclass

from tools.types import Tool, ToolResult

CallKey = tuple[str, str]
"""A tool's name and the fingerprint of its arguments: what makes two calls identical."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    result: ToolResult
    batch: object
    changes: int


class CallMemory:
    """The rules, for a call that is identical to one that has ended:

    - The result of a read-only tool serves again until a call that is not read-only has begun.
    - The result of an idempotent tool likewise: a file that was overwritten since has to be written again.
    - The result of another writing tool serves for the rest of the run, unless the tool is repeatable.
    - A failure serves within its own batch alone: later, the model may try again.
    """

    def __init__(self) -> None:
        self._remembered: dict[CallKey, _Remembered] = {}
        self._changes = 0

    def begin(self, tool: Tool) -> int:
        """A call of the tool begins. Returns the number of changes begun so far, which `record` wants to know."""
        if not tool.read_only:
            self.note_change()
        return self._changes

    def note_change(self) -> None:
        self._changes += 1

    def record(self, key: CallKey, result: ToolResult, *, batch: object, changes: int | None = None) -> None:
        """`changes` is what `begin` returned (None: the call was refused before it began)."""
        self._remembered[key] = _Remembered(result, batch, self._changes if changes is None else changes)

    def serving(self, tool: Tool, key: CallKey, *, batch: object) -> ToolResult | None:
        """The result that serves again for this call of `batch`, if there is one."""
        remembered = self._remembered.get(key)
        if remembered is None or (tool.repeatable and not tool.read_only):
            return None
        if (tool.read_only or tool.idempotent) and remembered.changes != self._changes:
            return None
        if not remembered.result.success and remembered.batch is not batch:
            return None
        return remembered.result
