"""Direct connections to the test database, a lock held by another program, and a database that is unreachable."""

from __future__ import annotations

import sqlite3
from typing import Any

import psycopg
import pytest
from django.db import connection, connections


def connect_directly() -> Any:
    """Returns a connection of the database driver that commits each statement and never waits for a lock of SQLite."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return sqlite3.connect(settings["NAME"], isolation_level=None, timeout=0)
    address = {"host": settings["HOST"], "port": settings["PORT"], "user": settings["USER"], "dbname": settings["NAME"]}
    return psycopg.connect(**address, autocommit=True)


class WriteLock:
    """The write lock of another program: nobody else can write to the table of users until it is released."""

    def __init__(self) -> None:
        self._connection = connect_directly()
        if connection.vendor == "sqlite":
            self._connection.execute("BEGIN IMMEDIATE")
        else:
            self._connection.execute("BEGIN")
            self._connection.execute("LOCK TABLE accounts_user IN EXCLUSIVE MODE")

    def release(self) -> None:
        self._connection.close()


def shorten_lock_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes new connections fail after 10 ms at a lock."""
    option = ("timeout", 0.01) if connection.vendor == "sqlite" else ("options", "-c lock_timeout=10")
    monkeypatch.setitem(connections.settings["default"]["OPTIONS"], *option)


def make_database_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes new connections fail."""
    setting = ("NAME", "/dev/null/none") if connection.vendor == "sqlite" else ("PORT", "1")
    monkeypatch.setitem(connections.settings["default"], *setting)
