"""The HTTP server of the demo model: POST /v1/chat/completions on a loopback port."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from conversations.demo.replies import make_reply
from conversations.demo.request import RequestError, parse_request
from conversations.demo.streaming import completion_events

_MAX_BODY_BYTES = 64 * 1024 * 1024


class DemoServer:
    """Listens on 127.0.0.1 and answers requests that carry `api_key`, which is random.

    `tokens_per_second` is the speed of a stream, 0 for no limit. `base_url` is "" while the server does not run.
    """

    def __init__(self, *, tokens_per_second: float = 80) -> None:
        self.api_key = secrets.token_urlsafe(32)
        self.base_url = ""
        self._seconds_per_token = 1 / tokens_per_second if tokens_per_second else 0.0
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Starts to listen on a free port."""
        application = web.Application(middlewares=[self._return_errors], client_max_size=_MAX_BODY_BYTES)
        application.router.add_post("/v1/chat/completions", self._complete)
        self._runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}/v1"

    async def stop(self) -> None:
        """Cancels the streams under way and closes the port. Does nothing if the server does not run."""
        runner, self._runner, self.base_url = self._runner, None, ""
        if runner is not None:
            await runner.cleanup()

    @web.middleware
    async def _return_errors(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Checks the key and returns every error as an OpenAI error object."""
        try:
            key = request.headers.get("Authorization", "").encode(errors="replace")
            if not secrets.compare_digest(key, f"Bearer {self.api_key}".encode()):
                raise RequestError(401, "Incorrect API key provided.", "invalid_api_key")
            return await handler(request)
        except RequestError as error:
            return _error_response(error)
        except web.HTTPException as error:
            return _error_response(RequestError(error.status, error.reason))

    async def _complete(self, http_request: web.Request) -> web.StreamResponse:
        request = parse_request(await http_request.read())
        events = completion_events(make_reply(request), request)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        try:
            await response.prepare(http_request)
            for event in events:
                await response.write(event)
                await asyncio.sleep(self._seconds_per_token)
            await response.write_eof()
        except ConnectionResetError:
            pass  # the client has disconnected
        return response


def _error_response(error: RequestError) -> web.Response:
    body = {"message": str(error), "type": "invalid_request_error", "param": None, "code": error.code}
    return web.Response(status=error.status, body=orjson.dumps({"error": body}), content_type="application/json")
