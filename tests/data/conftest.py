from __future__ import annotations

import asyncio
import threading
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
    """Makes new SQLite connections use the pragmas of production instead of those of the other tests."""
    if connection.vendor == "sqlite":
        options = databases.sqlite(Path(), Path())["OPTIONS"]
        monkeypatch.setitem(connections.settings["default"]["OPTIONS"], "init_command", options["init_command"])


@pytest_asyncio.fixture
async def writer() -> AsyncIterator[Writer]:
    writer = Writer()
    yield writer
    await asyncio.to_thread(writer.stop)


@pytest_asyncio.fixture
async def readers() -> AsyncIterator[Readers]:
    readers = Readers()
    yield readers
    await asyncio.to_thread(readers.stop)


@pytest_asyncio.fixture
async def release(writer: Writer) -> AsyncIterator[threading.Event]:
    """Keeps the writer busy with an operation until the event is set, so that what a test submits is queued."""
    started, released = threading.Event(), threading.Event()

    def block() -> None:
        started.set()
        assert released.wait(30)

    blocking = writer.submit(block)
    assert await asyncio.to_thread(started.wait, 30)
    yield released
    released.set()
    await blocking
