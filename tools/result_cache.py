"""Remembers the results of a run's tool calls, so that identical calls need not run again."""

from __future__ import annotations

from dataclasses import dataclass

from tools.types import Tool, ToolResult

CallKey = tuple[str, str]
"""A tool's name and the fingerprint of its arguments. Calls with the same key are identical."""


@dataclass(frozen=True, slots=True)
class _Entry:
    result: ToolResult
    batch: object
    write_count: int


class ResultCache:
    """Decides when the result of an earlier, identical call can be reused:

    - The result of a read-only tool until a call of a writing tool starts.
    - The result of an idempotent tool likewise: a file that was overwritten since then has to be written again.
    - The result of any other writing tool for the rest of the run, unless the tool is repeatable.
    - A failure only within its own batch: later, the model may try again.
    """

    def __init__(self) -> None:
        self._entries: dict[CallKey, _Entry] = {}
        self._write_count = 0

    def start(self, tool: Tool) -> int:
        """Records that a call starts. Returns the number of writing calls so far, which `store` takes."""
        if not tool.read_only:
            self.record_write()
        return self._write_count

    def record_write(self) -> None:
        self._write_count += 1

    def store(self, key: CallKey, result: ToolResult, *, batch: object, write_count: int | None = None) -> None:
        """Stores a result. `write_count` is what `start` returned; None if the call was refused before it started."""
        self._entries[key] = _Entry(result, batch, self._write_count if write_count is None else write_count)

    def get(self, tool: Tool, key: CallKey, *, batch: object) -> ToolResult | None:
        """Returns the result that can be reused for this call of `batch`, if there is one."""
        entry = self._entries.get(key)
        if entry is None or (tool.repeatable and not tool.read_only):
            return None
        if (tool.read_only or tool.idempotent) and entry.write_count != self._write_count:
            return None
        if not entry.result.success and entry.batch is not batch:
            return None
        return entry.result
