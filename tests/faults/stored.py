"""Reads the database of a server from outside, also while the server runs."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from tests.faults.waiting import until

LIVE = ("running", "awaiting_approval")


@dataclass(frozen=True)
class StoredRun:
    status: str
    owner: str | None
    attempt: int

    @property
    def is_live(self) -> bool:
        return self.status in LIVE


@dataclass(frozen=True)
class LedgerEntry:
    """A row of the ledger."""

    attempt: int
    iteration: int
    estimated: bool
    completion_tokens: int


class Stored:
    """Runs, steps, questions and usage as stored. `read` returns the rows of a query."""

    def __init__(self, read: Callable[[LiteralString], list[Any]]) -> None:
        self._rows = read

    def runs(self) -> dict[str, StoredRun]:
        found = self._rows("SELECT id, status, owner, attempt FROM conversations_run")
        return {_id(key): StoredRun(*fields) for key, *fields in found}

    def ledger(self, run_id: str) -> list[LedgerEntry]:
        """Returns the entries of a run in the order of its model calls."""
        found = self._rows(
            "SELECT run_id, attempt, iteration, estimated, completion_tokens FROM conversations_tokenusage"
            " ORDER BY attempt, iteration"
        )
        return [
            LedgerEntry(attempt, iteration, bool(estimated), tokens)
            for key, attempt, iteration, estimated, tokens in found
            if _id(key) == run_id
        ]

    def steps(self, run_id: str) -> list[tuple[str, str]]:
        """Returns the type and the text of each step of the run."""
        found = self._rows(
            "SELECT run.id, step.type, step.arguments || step.content FROM conversations_step AS step"
            " JOIN conversations_run AS run ON run.message_id = step.message_id ORDER BY step.id"
        )
        return [(kind, words) for key, kind, words in found if _id(key) == run_id]

    def questions(self) -> list[str]:
        return [text for (text,) in self._rows("SELECT text FROM conversations_message WHERE role = 'user'")]

    async def all_ended(self) -> None:
        """Waits until no run is live."""
        await until(lambda: not any(run.is_live for run in self.runs().values()), "all runs have ended")


class SqliteReader:
    def __init__(self, database: Path) -> None:
        self._url = f"file:{database}?mode=ro"

    def __call__(self, query: LiteralString) -> list[Any]:
        with closing(sqlite3.connect(self._url, uri=True)) as connection:
            return list(connection.execute(query).fetchall())


class PostgresReader:
    """Keeps its connection, and reconnects when the server has closed it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[Any] | None = None

    def __call__(self, query: LiteralString) -> list[Any]:
        if self._connection is not None:
            with suppress(psycopg.OperationalError):
                return self._connection.execute(query).fetchall()
        self.close()
        self._connection = psycopg.connect(self._url, autocommit=True)
        return self._connection.execute(query).fetchall()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _id(value: Any) -> str:
    """Returns the id as the protocol writes it. SQLite has no UUID type."""
    return str(uuid.UUID(str(value)))
