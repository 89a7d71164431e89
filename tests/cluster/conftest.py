from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from channels.layers import channel_layers
from django.test import override_settings

from conversations.runner import runner
from conversations.runner.cluster import inbox, links, replicas
from tests.modelserver import ModelServer
from tests.redis import RedisServer, running_redis
from tests.site import Site, running_site

SOCKET_TIMEOUT = 0.5
"""Seconds that redis-py waits for Redis; its own default is 5."""


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """One that a test may stop."""
    with running_redis() as server:
        yield server


class Neighbourhood:
    """Sites of their own inboxes and threads, over one database and one Redis, in one event loop."""

    def __init__(self, redis: RedisServer) -> None:
        self.redis = redis
        self.socket_timeout = SOCKET_TIMEOUT

    def settings(self, port: int) -> dict[str, Any]:
        """Of a process that reaches Redis by this port."""
        url = f"redis://127.0.0.1:{port}/0"
        hosts = [{"address": url, "socket_timeout": self.socket_timeout}]
        backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
        return {"REDIS_URL": url, "CHANNEL_LAYERS": {"default": {"BACKEND": backend, "CONFIG": {"hosts": hosts}}}}

    @asynccontextmanager
    async def site(self, model: ModelServer, *, port: int | None = None, **settings: Any) -> AsyncIterator[Site]:
        """`port` if Redis is to be reached by another than its own."""
        settings = self.settings(port or self.redis.port) | settings
        with override_settings(**settings):
            channel_layers.backends = {}
            async with running_site(model, **settings) as site:
                yield site

    @asynccontextmanager
    async def pair(self, model: ModelServer, **settings: Any) -> AsyncIterator[tuple[Site, Site]]:
        async with self.site(model, **settings) as one, self.site(model, **settings) as two:
            yield one, two


@pytest.fixture
async def peers(redis: RedisServer) -> AsyncIterator[Neighbourhood]:
    yield Neighbourhood(redis)
    channel_layers.backends = {}


@pytest.fixture
async def fragile(own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Neighbourhood]:
    """With a Redis that may be stopped, and processes that notice everything soon."""
    monkeypatch.setattr(inbox, "ECHO_INTERVAL", 0.1)
    monkeypatch.setattr(inbox, "SEND_TIMEOUT", 0.3)
    monkeypatch.setattr(inbox, "ECHO_TIMEOUT", 1.0)
    monkeypatch.setattr(links, "ACKNOWLEDGE_TIMEOUT", 0.2)
    monkeypatch.setattr(replicas, "SILENCE_TIMEOUT", 0.5)
    monkeypatch.setattr(runner, "PEERS_INTERVAL", 0.1)
    yield Neighbourhood(own_redis)
    channel_layers.backends = {}
