"""Decides when an owner counts as dead: its lease is unchanged for the time of a heartbeat, by our own clock."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SeenLease:
    """The lease of a live run of another owner. `owner` is None for a run that was handed over."""

    run_id: uuid.UUID
    owner: str | None
    attempt: int
    beat: int


class LeaseWatch:
    """Watches the leases of other owners, by this machine's clock alone. After a pause longer than a heartbeat, when
    nothing could be observed, it starts again."""

    def __init__(self, heartbeat: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._heartbeat = heartbeat
        self._clock = clock
        self._since: dict[SeenLease, float] = {}
        self._last_look = clock()

    def look(self, leases: Iterable[SeenLease]) -> list[SeenLease]:
        """Returns those of the present leases that may be claimed now."""
        now = self._clock()
        if now - self._last_look > self._heartbeat:
            self._since.clear()
        self._last_look = now
        self._since = {lease: self._since.get(lease, now) for lease in leases}
        return [lease for lease, since in self._since.items() if lease.owner is None or now - since >= self._heartbeat]

    def forget(self) -> None:
        """Forgets what was observed, as the database could not be read."""
        self._since.clear()
