from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from django.db import connection, connections

from chatsite import databases
from conversations.db.readers import Readers
from conversations.db.writer import Writer


@pytest.fixture(autouse=True)
def commits_as_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    """New connections to SQLite are set up as the product sets them up, not as for other tests."""
    if connection.vendor == "sqlite":
        options = databases.sqlite(Path(), Path())["OPTIONS"]
        monkeypatch.setitem(connections.settings["default"]["OPTIONS"], "init_command", options["init_command"])


@pytest_asyncio.fixture
async def writer() -> AsyncIterator[Writer]:
    made = Writer()
    yield made
    await asyncio.to_thread(made.stop)


@pytest_asyncio.fixture
async def readers() -> AsyncIterator[Readers]:
    made = Readers()
    yield made
    await asyncio.to_thread(made.stop)
