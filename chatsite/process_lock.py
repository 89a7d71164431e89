"""Locks that detect other server processes on the same database, and are released however their process ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.db import connection

from conversations.db.threads import DatabaseUnavailable

LOCK_KEY = int.from_bytes(b"chatsite")
"""The key of the advisory lock. PostgreSQL has separate locks for each database."""


class ProcessLock(Protocol):
    """A lock whose methods may block, so they are not called in the event loop."""

    def acquire(self) -> bool:
        """Acquires the lock without waiting, and returns whether this process holds it. Raises DatabaseUnavailable."""
        ...

    def release(self) -> None: ...


def database_lock() -> ProcessLock:
    """Returns the lock of the database: shared for a process with Redis, exclusive for one without."""
    if connection.vendor == "postgresql":
        return AdvisoryLock(shared=bool(settings.REDIS_URL))
    database = Path(connection.settings_dict["NAME"])
    return FileLock(database.with_name(f"{database.name}.lock"), shared=bool(settings.REDIS_URL))


class FileLock:
    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self._path = path
        self._operation = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        if self._descriptor is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, self._operation | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            self._descriptor = descriptor
        return True

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class AdvisoryLock:
    """An advisory lock of PostgreSQL, on its own connection.

    Behind a pooler that assigns connections per transaction such locks do not work, so it always counts as acquired.
    """

    def __init__(self, *, shared: bool) -> None:
        self._lock_query = f"SELECT pg_try_advisory_lock{'_shared' if shared else ''}(%s)"
        self._connection: Any = None
        self._is_held = False

    def acquire(self) -> bool:
        import psycopg

        try:
            if self._connection is None:
                self._connection = psycopg.connect(**connection.get_connection_params())
                self._connection.autocommit = True
            # Also shows that the connection, and so the lock, is not lost.
            has_pooler = self._query("SELECT pg_backend_pid()") != self._connection.info.backend_pid
            self._is_held = self._is_held or has_pooler or self._query(self._lock_query, [LOCK_KEY])
        except psycopg.Error as error:
            self.release()
            raise DatabaseUnavailable from error
        return self._is_held

    def release(self) -> None:
        lock_connection, self._connection, self._is_held = self._connection, None, False
        if lock_connection is not None:
            lock_connection.close()

    def _query(self, query: str, params: list[Any] | None = None) -> Any:
        return self._connection.execute(query, params).fetchone()[0]
