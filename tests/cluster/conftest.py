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
def stoppable_redis() -> Iterator[RedisServer]:
    """A Redis of its own, which a test may stop."""
    with running_redis() as server:
        yield server


class PeerSites:
    """Starts sites with their own inboxes and threads in one event loop, over one database and one Redis."""

    def __init__(self, redis: RedisServer) -> None:
        self.redis = redis
        self.socket_timeout = SOCKET_TIMEOUT

    def settings(self, port: int) -> dict[str, Any]:
        """Returns the settings of a process that reaches Redis on this port."""
        url = f"redis://127.0.0.1:{port}/0"
        hosts = [{"address": url, "socket_timeout": self.socket_timeout}]
        backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
        return {"REDIS_URL": url, "CHANNEL_LAYERS": {"default": {"BACKEND": backend, "CONFIG": {"hosts": hosts}}}}

    @asynccontextmanager
    async def site(self, model: ModelServer, *, port: int | None = None, **settings: Any) -> AsyncIterator[Site]:
        """Runs a site that connects to Redis on `port`, by default that of the server itself."""
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
async def peers(redis: RedisServer) -> AsyncIterator[PeerSites]:
    yield PeerSites(redis)
    channel_layers.backends = {}


@pytest.fixture
async def fragile_peers(stoppable_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PeerSites]:
    """Sites with a Redis that may be stopped, and with short intervals and timeouts."""
    monkeypatch.setattr(inbox, "ECHO_INTERVAL", 0.1)
    monkeypatch.setattr(inbox, "SEND_TIMEOUT", 0.3)
    monkeypatch.setattr(inbox, "ECHO_TIMEOUT", 1.0)
    monkeypatch.setattr(links, "ACKNOWLEDGE_TIMEOUT", 0.2)
    monkeypatch.setattr(replicas, "SILENCE_TIMEOUT", 0.5)
    monkeypatch.setattr(runner, "PEERS_INTERVAL", 0.1)
    yield PeerSites(stoppable_redis)
    channel_layers.backends = {}
