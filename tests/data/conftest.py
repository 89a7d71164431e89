from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from conversations.db.readers import Readers
from conversations.db.writer import Writer


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
