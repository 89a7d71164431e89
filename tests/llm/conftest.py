from collections.abc import AsyncIterator

import pytest

from conversations.llm.client import ModelClient


@pytest.fixture
async def client() -> AsyncIterator[ModelClient]:
    """Yields a client with short waits between retries."""
    client = ModelClient(backoff=0.01)
    yield client
    await client.close()
