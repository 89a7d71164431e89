"""When an owner counts as dead: its lease has not moved for a heartbeat of our own clock."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SeenLease:
    """A live run of another owner as its row stands; `owner` None: handed over, and nobody's."""

    run_id: uuid.UUID
    owner: str | None
    attempt: int
    beat: int


class LeaseWatch:
    """Looks at the leases of others now and then. Clocks of other machines do not count, nor does time in which we
    could not look: after a pause longer than a heartbeat it begins anew."""

    def __init__(self, heartbeat: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._heartbeat = heartbeat
        self._clock = clock
        self._since: dict[SeenLease, float] = {}
        self._last_look = clock()

    def look(self, leases: Iterable[SeenLease]) -> list[SeenLease]:
        """Those that may be claimed now."""
        now = self._clock()
        if now - self._last_look > self._heartbeat:
            self._since.clear()
        self._last_look = now
        self._since = {lease: self._since.get(lease, now) for lease in leases}
        return [lease for lease, since in self._since.items() if lease.owner is None or now - since >= self._heartbeat]

    def forget(self) -> None:
        """The database could not be read: what was seen before says nothing."""
        self._since.clear()
