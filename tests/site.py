"""Runs the whole site in the test's event loop, over real HTTP and WebSockets on a free loopback port.

    async with model_server(answer("Hello")) as model, running_site(model) as site, site.client() as ada:
        ...

Tests that use it need `@pytest.mark.django_db(transaction=True)`, because the site's threads open their own database
connections.
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
        """Connects as this user with a new token. Creates the user if needed."""
        async with connected(self.ws_url, await self.token(username), **options) as client:
            yield client


def _issue(user_id: int) -> tuple[ApiToken, str]:
    from django.db import connections

    try:
        return ApiToken.objects.issue(user_id=user_id)
    finally:
        connections.close_all()


class _Server(uvicorn.Server):
    """Uvicorn without signal handlers, which stops as soon as `stopping` is set instead of polling."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()

    async def main_loop(self) -> None:
        await self.stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        self._close_connections()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._wait_tasks_to_complete()
        await self.lifespan.shutdown()
        self._close_connections()  # those accepted meanwhile

    def _close_connections(self) -> None:
        for connection in list(self.server_state.connections):
            with contextlib.suppress(InvalidState):  # already closing
                connection.shutdown()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _lazy_django_application() -> Any:
    """Returns Django's application, created on the first request: its scan for static files is slow."""
    created: list[Any] = []

    async def application(*connection: Any) -> None:
        if not created:
            created.append(get_asgi_application())
        await created[0](*connection)

    return application


@asynccontextmanager
async def running_site(model: ModelServer | None = None, **settings: Any) -> AsyncIterator[Site]:
    """Runs the site with this model server, or with the demo model; `settings` override the Django settings."""
    llm = {"LLM_BASE_URL": model.base_url, "LLM_MODELS": (MODEL,), "LLM_RETRIES": 0} if model else {}
    with override_settings(**{"SHUTDOWN_GRACE": 0.1, "RUN_HEARTBEAT": 1.0, **llm, **settings}):
        lifespan = Lifespan()
        application = ProtocolTypeRouter(
            {"http": _lazy_django_application(), "websocket": websocket_router(lifespan.runner), "lifespan": lifespan}
        )
        listening = socket.create_server(("127.0.0.1", 0))
        server = _Server(uvicorn.Config(application, log_config=None, ws="websockets-sansio"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield Site(listening.getsockname()[1], await lifespan.runner())
        finally:
            server.stopping.set()
            await serving
            listening.close()
