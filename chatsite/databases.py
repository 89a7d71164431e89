"""What Django is told of a database."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

POOL_PATIENCE = 5
"""Seconds that a page waits for a free connection, and that one which fails is tried again."""
UNREACHABLE_AFTER = 10
"""Seconds after which a server that acknowledges nothing counts as gone."""


def sqlite(file: Path, test_file: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": file,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 5,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON",
        },
        "TEST": {"NAME": test_file},
    }


def postgresql(parameters: Mapping[str, str], pool_size: int, longest_pause: float) -> dict[str, Any]:
    """`parameters` are libpq's, and win over those from here.

    A process that stops in the middle of a transaction holds rows that others need: after `longest_pause` seconds
    the server breaks the transaction off. It is repeated if the process ever goes on.
    """
    own = {
        "application_name": "chatsite",
        "connect_timeout": POOL_PATIENCE,
        "keepalives_idle": UNREACHABLE_AFTER,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": UNREACHABLE_AFTER * 1000,
        "options": f"-c idle_in_transaction_session_timeout={round(longest_pause * 1000)}",
    }
    named = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **{setting: parameters.get(name, "") for name, setting in named.items()},
        "OPTIONS": {
            **own,
            **{name: value for name, value in parameters.items() if name not in named},
            "pool": {
                "min_size": 1,
                "max_size": pool_size,
                "timeout": POOL_PATIENCE,
                "reconnect_timeout": POOL_PATIENCE,
            },
        },
        # One that was lost while nobody used it is found out before it is given away
        "CONN_HEALTH_CHECKS": True,
    }
