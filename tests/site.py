"""The whole product in the test's own event loop, over real HTTP and WebSockets on a free port of loopback.

    async with model_server(answer("Hello")) as model, running_site(model) as site, site.client() as ada:
        ...

Tests that use it need `@pytest.mark.django_db(transaction=True)`: the product's threads have connections of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application
from django.test import override_settings
from websockets.exceptions import InvalidState

from accounts.models import ApiToken, User
from chatsite.lifespan import Lifespan
from conversations.routing import websocket_router
from conversations.runner.runner import Runner
from tests.client import Client, connected
from tests.modelserver import MODEL, ModelServer


class Site:
    def __init__(self, port: int, runner: Runner) -> None:
        self.host = f"127.0.0.1:{port}"
        self.url = f"http://{self.host}"
        self.ws_url = f"ws://{self.host}/ws/"
        self.runner = runner

    async def user(self, username: str = "ada") -> User:
        user, _ = await User.objects.aget_or_create(username=username)
        return user

    async def token(self, username: str = "ada") -> str:
        user = await self.user(username)
        _, text = await asyncio.to_thread(_issue, user.pk)
        return text

    @asynccontextmanager
    async def client(self, username: str = "ada", **options: Any) -> AsyncIterator[Client]:
        """A program's connection for the person, who is made if need be."""
        async with connected(self.ws_url, await self.token(username), **options) as client:
            yield client


def _issue(user_id: int) -> tuple[ApiToken, str]:
    from django.db import connections

    try:
        return ApiToken.objects.issue(user_id=user_id)
    finally:
        connections.close_all()


class _Server(uvicorn.Server):
    """Signals stay with the test runner, and the end is not polled for: that would be most of a test's time."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ending = asyncio.Event()

    async def main_loop(self) -> None:
        await self.ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        self._shut_connections()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._wait_tasks_to_complete()
        await self.lifespan.shutdown()
        self._shut_connections()  # also those that were being accepted

    def _shut_connections(self) -> None:
        for connection in list(self.server_state.connections):
            with contextlib.suppress(InvalidState):  # it is closing already
                connection.shutdown()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _pages() -> Any:
    """Made when the first page is asked for: looking for the static files takes longer than many a test."""
    made: list[Any] = []

    async def application(*connection: Any) -> None:
        if not made:
            made.append(get_asgi_application())
        await made[0](*connection)

    return application


@asynccontextmanager
async def running_site(model: ModelServer | None = None, **settings: Any) -> AsyncIterator[Site]:
    """Serves with the model server, or with the demo model; `settings` override the product's."""
    chosen = {"LLM_BASE_URL": model.base_url, "LLM_MODELS": (MODEL,), "LLM_RETRIES": 0} if model else {}
    with override_settings(**{"SHUTDOWN_GRACE": 0.1, "RUN_HEARTBEAT": 1.0, **chosen, **settings}):
        lifespan = Lifespan()
        application = ProtocolTypeRouter(
            {"http": _pages(), "websocket": websocket_router(lifespan.runner), "lifespan": lifespan}
        )
        listening = socket.create_server(("127.0.0.1", 0))
        server = _Server(uvicorn.Config(application, log_config=None, ws="websockets-sansio"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield Site(listening.getsockname()[1], await lifespan.runner())
        finally:
            server.ending.set()
            await serving
            listening.close()
