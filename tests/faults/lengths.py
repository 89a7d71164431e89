"""How long a fault lasts and how much there is: with FAULTS_AT_LENGTH set what docs/durability.md speaks of, else less,
though always longer than every time-out and lease that is involved."""

from __future__ import annotations

import os

AT_LENGTH = bool(os.environ.get("FAULTS_AT_LENGTH"))

REDIS_AWAY = 30.0 if AT_LENGTH else 12.0
"""Seconds. A link to another process is given up after 10, a inbox counts as deaf after 5."""
REDIS_IDLE = 60.0 if AT_LENGTH else 7.0
"""Seconds. redis-py waits 5 for an answer."""
POSTGRESQL_AWAY = 30.0 if AT_LENGTH else 10.0
"""Seconds. Connections are tried for 5, and a lease ends after 4 in that test."""
MANY_RUNS = 200 if AT_LENGTH else 40
