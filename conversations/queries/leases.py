"""Leases of the live runs of other processes."""

from __future__ import annotations

from conversations.models import Run
from conversations.runs.leases import SeenLease


def leases_of_others(owner: str) -> list[SeenLease]:
    """Returns the leases of all live runs that the given process does not own. One query."""
    rows = Run.objects.filter(status__in=Run.LIVE).exclude(owner=owner)
    return [SeenLease(*row) for row in rows.values_list("pk", "owner", "attempt", "beat")]
