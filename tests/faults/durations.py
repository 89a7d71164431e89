"""Durations of faults and numbers of runs. With FAULTS_FULL_LENGTH they are those of docs/durability.md; by default
they are smaller, but longer than every timeout and lease involved."""

from __future__ import annotations

import os

FULL_LENGTH = bool(os.environ.get("FAULTS_FULL_LENGTH"))

REDIS_OUTAGE = 30.0 if FULL_LENGTH else 12.0
"""Seconds. A link to a peer is dropped after 10, and an inbox resubscribes after 5."""
REDIS_IDLE = 60.0 if FULL_LENGTH else 7.0
"""Seconds. The socket timeout of redis-py is 5."""
POSTGRESQL_OUTAGE = 30.0 if FULL_LENGTH else 10.0
"""Seconds. Connecting times out after 5, and a lease ends after 4 in that test."""
MANY_RUNS = 200 if FULL_LENGTH else 40
