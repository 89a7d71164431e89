"""The demonstration as a server of its own on a loopback port, so that it is reached as every other model is."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web

TOKENS_PER_SECOND = 80
"""About what a person sees of a hosted model; quick to read along, slow enough to watch."""

_SECONDS_TO_STOP = 0.5


class DemoServer:
    """`tokens_per_second` is the pace of a stream; 0: as fast as it is read."""

    def __init__(self, *, tokens_per_second: float = TOKENS_PER_SECOND) -> None:
        self.api_key = secrets.token_urlsafe(32)
        self._seconds_per_token = 1 / tokens_per_second if tokens_per_second else 0.0
        self._runner: web.AppRunner | None = None
        self._base_url: str | None = None

    @property
    def base_url(self) -> str:
        """Raises RuntimeError while the server does not run."""
        if self._base_url is None:
            raise RuntimeError("The demo server does not run.")
        return self._base_url

    async def start(self) -> None:
        """Listens on 127.0.0.1, on a port that is free."""
        # A web server's modules are loaded by those alone who have no model configured.
        from aiohttp import web

        from conversations.demo.endpoint import Endpoint

        endpoint = Endpoint(api_key=self.api_key, seconds_per_token=self._seconds_per_token)
        self._runner = web.AppRunner(
            endpoint.application(), access_log=None, handler_cancellation=True, shutdown_timeout=_SECONDS_TO_STOP
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self._base_url = f"http://{host}:{port}/v1"

    async def stop(self) -> None:
        """Ends what is being answered and gives the port back. Nothing happens if the server does not run."""
        runner, self._runner, self._base_url = self._runner, None, None
        if runner is not None:
            await runner.cleanup()
