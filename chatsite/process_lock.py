"""Proof that no other process serves from the same database: a lock that is gone with its holder, however that ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.db import connection

from conversations.db.threads import DatabaseUnavailable

KEY = int.from_bytes(b"chatsite")
"""Of an advisory lock, which PostgreSQL keeps for each of its databases."""


class ProcessLock(Protocol):
    """For a thread that may wait for the database."""

    def take(self) -> bool:
        """Whether it is ours, taken now if need be. Raises DatabaseUnavailable."""
        ...

    def release(self) -> None: ...


def lock_of_database() -> ProcessLock:
    """Processes with a Redis share it; who has none wants it alone."""
    if connection.vendor == "postgresql":
        return DatabaseLock(shared=bool(settings.REDIS_URL))
    database = Path(connection.settings_dict["NAME"])
    return FileLock(database.with_name(f"{database.name}.lock"), shared=bool(settings.REDIS_URL))


class FileLock:
    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self._path = path
        self._how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        self._descriptor: int | None = None

    def take(self) -> bool:
        if self._descriptor is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, self._how | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            self._descriptor = descriptor
        return True

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class DatabaseLock:
    """Of PostgreSQL, on a connection of its own. Behind a pooler that shares out connections there is no such thing:
    there it counts as taken."""

    def __init__(self, *, shared: bool) -> None:
        self._try = f"SELECT pg_try_advisory_lock{'_shared' if shared else ''}(%s)"
        self._session: Any = None
        self._is_ours = False

    def take(self) -> bool:
        import psycopg

        try:
            if self._session is None:
                self._session = _new_session()
            pid, is_ours = self._ask("SELECT pg_backend_pid()"), self._is_ours
            self._is_ours = is_ours or pid != self._session.info.backend_pid or self._ask(self._try, [KEY])
        except psycopg.Error as error:
            self.release()
            raise DatabaseUnavailable from error
        return self._is_ours

    def release(self) -> None:
        session, self._session, self._is_ours = self._session, None, False
        if session is not None:
            session.close()

    def _ask(self, question: str, params: list[Any] | None = None) -> Any:
        return self._session.execute(question, params).fetchone()[0]


def _new_session() -> Any:
    import psycopg

    session = psycopg.connect(**connection.get_connection_params())
    session.autocommit = True
    return session
