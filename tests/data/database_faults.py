"""Another program that uses the same database."""

from __future__ import annotations

import sqlite3
from typing import Any

import psycopg
import pytest
from django.db import connection, connections


def connect_outside() -> Any:
    """A driver's connection that commits each statement, and gives up at once where SQLite is locked."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return sqlite3.connect(settings["NAME"], isolation_level=None, timeout=0)
    place = {"host": settings["HOST"], "port": settings["PORT"], "user": settings["USER"], "dbname": settings["NAME"]}
    return psycopg.connect(**place, autocommit=True)


class Lock:
    """A program that writes people, and takes its time."""

    def __init__(self) -> None:
        self._outside = connect_outside()
        if connection.vendor == "sqlite":
            self._outside.execute("BEGIN IMMEDIATE")
        else:
            self._outside.execute("BEGIN")
            self._outside.execute("LOCK TABLE accounts_user IN EXCLUSIVE MODE")

    def release(self) -> None:
        """Its transaction ends."""
        self._outside.close()


def make_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """New connections give up at once where something is locked."""
    option = ("timeout", 0.01) if connection.vendor == "sqlite" else ("options", "-c lock_timeout=10")
    monkeypatch.setitem(connections.settings["default"]["OPTIONS"], *option)


def lose_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """New connections find nothing."""
    place = ("NAME", "/dev/null/none") if connection.vendor == "sqlite" else ("PORT", "1")
    monkeypatch.setitem(connections.settings["default"], *place)
