"""Decides when the owner of a run counts as dead: its lease has not moved for a heartbeat of this process's clock."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SeenLease:
    """The lease of another process's live run as its row has it. `owner` is None after the run was handed over."""

    run_id: uuid.UUID
    owner: str | None
    attempt: int
    beat: int


class LeaseWatch:
    """Remembers since when each lease has been unchanged.

    Only this process's own clock counts, and only time in which it could read the leases: it starts over after a pause
    of more than a heartbeat.
    """

    def __init__(self, heartbeat: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._heartbeat = heartbeat
        self._clock = clock
        self._unchanged_since: dict[SeenLease, float] = {}
        self._updated_at = clock()

    def update(self, leases: Iterable[SeenLease]) -> list[SeenLease]:
        """Takes all leases of other processes as they are now. Returns those that may be claimed."""
        now = self._clock()
        if now - self._updated_at > self._heartbeat:
            self._unchanged_since.clear()
        self._updated_at = now
        self._unchanged_since = {lease: self._unchanged_since.get(lease, now) for lease in leases}
        return [
            lease
            for lease, since in self._unchanged_since.items()
            if lease.owner is None or now - since >= self._heartbeat
        ]

    def reset(self) -> None:
        """Starts over, since the database could not be read."""
        self._unchanged_since.clear()
