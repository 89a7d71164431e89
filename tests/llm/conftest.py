from collections.abc import AsyncIterator

import pytest

from conversations.llm.client import ModelClient


@pytest.fixture
async def client() -> AsyncIterator[ModelClient]:
    """A client that does not wait long before it tries again."""
    client = ModelClient(backoff=0.01)
    yield client
    await client.close()
