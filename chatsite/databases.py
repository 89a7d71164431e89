"""Builds Django's database configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

POOL_TIMEOUT = 5
"""Seconds that a page waits for a free connection, and that a failed connection attempt is repeated."""
ACKNOWLEDGE_TIMEOUT = 10
"""Seconds after which a database server that acknowledges nothing counts as unreachable."""


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


def postgresql(parameters: Mapping[str, str], pool_size: int, max_idle_in_transaction: float) -> dict[str, Any]:
    """Returns the configuration for PostgreSQL. `parameters` are those of libpq, and override the defaults here.

    A process that is suspended in a transaction locks rows that others need. After `max_idle_in_transaction` seconds
    the server aborts the transaction, which is repeated if the process continues.
    """
    defaults = {
        "application_name": "chatsite",
        "connect_timeout": POOL_TIMEOUT,
        "keepalives_idle": ACKNOWLEDGE_TIMEOUT,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": ACKNOWLEDGE_TIMEOUT * 1000,
        "options": f"-c idle_in_transaction_session_timeout={round(max_idle_in_transaction * 1000)}",
    }
    django_names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **{setting: parameters.get(name, "") for name, setting in django_names.items()},
        "OPTIONS": {
            **defaults,
            **{name: value for name, value in parameters.items() if name not in django_names},
            "pool": {
                "min_size": 1,
                "max_size": pool_size,
                "timeout": POOL_TIMEOUT,
                "reconnect_timeout": POOL_TIMEOUT,
            },
        },
        # Detects connections that were lost while they were idle
        "CONN_HEALTH_CHECKS": True,
    }
