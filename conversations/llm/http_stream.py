"""Sends a request to a model server and reads the bytes of its response, within the endpoint's time limits."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import cast

import aiohttp
from aiohttp.http import HttpProcessingError
from yarl import URL

from conversations.llm.error_mapping import redact
from conversations.llm.errors import LLMError, MalformedError, RefusedError, TimedOutError, UnreachableError
from conversations.llm.read_timeout import ReadTimeout
from conversations.llm.types import Endpoint

_DRAIN_TIMEOUT = 0.05
"""Seconds to wait for the end of a body after its end mark, so that its connection can be reused."""

_ERROR_BODY_TIMEOUT = 5.0
"""Seconds for the body of an error response, after its headers."""

_TRANSPORT_ERRORS = (aiohttp.ClientError, HttpProcessingError, OSError)


class HTTPStream:
    """One request, and the bytes of its response.

    `open` and `read` turn every exception of aiohttp into an LLMError, which contains neither the API key nor the URL.
    `deadline` is in loop time. `read_pause`: see ModelClient.
    """

    def __init__(self, endpoint: Endpoint, deadline: float, read_pause: Callable[[], float] | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._endpoint = endpoint
        self._deadline = deadline
        self._first_byte_deadline = min(self._loop.time() + endpoint.limits.first_token, deadline)
        self._read_pause = read_pause
        self._timeout: ReadTimeout | None = None
        """None until the first bytes are read."""
        self._error: LLMError | None = None
        self._response: aiohttp.ClientResponse

    async def open(self, session: aiohttp.ClientSession, body: bytes) -> None:
        """Sends the request and waits for the headers of the response."""
        url = _completions_url(self._endpoint)
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream, application/json"}
        if self._endpoint.api_key:
            headers["Authorization"] = f"Bearer {self._endpoint.api_key}"
        try:
            async with asyncio.timeout_at(self._first_byte_deadline):
                self._response = await session.post(
                    url,
                    data=io.BytesIO(body),  # sent in pieces: writing a long conversation at once blocks the event loop
                    headers=headers | dict(self._endpoint.headers),
                    timeout=aiohttp.ClientTimeout(total=None, connect=self._endpoint.limits.connect),
                    allow_redirects=False,
                )
        except aiohttp.ClientResponseError:
            raise MalformedError("a response that is not HTTP") from None
        except aiohttp.ServerTimeoutError:
            raise UnreachableError("no connection in time", transient=True) from None
        except TimeoutError:
            raise TimedOutError("no response in time") from None
        except aiohttp.InvalidURL:
            raise UnreachableError("the address is not valid") from None
        except _TRANSPORT_ERRORS as error:
            is_tls = isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError)
            raise UnreachableError(_describe(error), transient=not is_tls) from None
        except ValueError:
            raise RefusedError("a key or header that cannot be sent") from None

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    async def read(self) -> bytes:
        """Returns the next bytes of the body, b"" at its end. Raises an error only after the bytes before it."""
        if self._error is not None:
            raise self._error
        content = self._response.content
        try:
            if self._timeout is None:
                return await self._read_first()
            if self._read_pause is not None and (pause := self._read_pause()) > 0:
                await self._pause_reading(pause)
            self._timeout.waiting_since = self._loop.time()
            try:
                return await content.readany()
            finally:
                self._timeout.waiting_since = None
        except LLMError as error:
            self._error = error
        except (*_TRANSPORT_ERRORS, RuntimeError):  # aiohttp raises RuntimeError for a connection that was closed
            self._error = MalformedError("the connection was lost", transient=True)
        # A stream with an exception returns its buffered bytes only when the exception is removed.
        content.set_exception(cast(BaseException, None))
        if received := content.read_nowait():
            return received
        raise self._error

    async def read_error_body(self, limit: int) -> bytes:
        """Returns the body of an error response, or what arrived of it in time, cut at `limit` bytes."""
        body = bytearray()
        with suppress(*_TRANSPORT_ERRORS):
            async with asyncio.timeout(_ERROR_BODY_TIMEOUT):
                while len(body) < limit and (data := await self._response.content.readany()):
                    body += data
        return bytes(body[:limit])

    def reduce_idle_timeout(self, seconds: float) -> None:
        if self._timeout is not None:
            self._timeout.reduce(seconds)

    async def drain(self) -> None:
        """Reads the body to its end, if that comes at once, so that the connection can be reused."""
        content = self._response.content
        with suppress(*_TRANSPORT_ERRORS):
            async with asyncio.timeout(_DRAIN_TIMEOUT):
                while not content.at_eof():
                    await content.readany()

    def close(self) -> None:
        """Closes the connection, at once, unless the body was read to its end."""
        if self._timeout is not None:
            self._timeout.cancel()
        self._response.close()

    async def _read_first(self) -> bytes:
        content = self._response.content
        try:
            async with asyncio.timeout_at(self._first_byte_deadline):
                data = await content.readany()
        except TimeoutError:
            raise TimedOutError("no first byte in time") from None
        self._timeout = ReadTimeout(self._endpoint.limits.idle, self._deadline, content.set_exception)
        return data

    async def _pause_reading(self, seconds: float) -> None:
        """Lets data gather in the kernel, as one large read costs less than many small ones."""
        connection = self._response.connection
        transport = connection.transport if connection is not None else None
        if transport is None:
            return
        seconds = min(seconds, max(0.0, self._deadline - self._loop.time()))
        try:
            transport.pause_reading()
        except (NotImplementedError, RuntimeError):
            await asyncio.sleep(seconds)
            return
        try:
            await asyncio.sleep(seconds)
        finally:
            with suppress(RuntimeError):  # uvloop raises it for a transport that was closed during the pause
                transport.resume_reading()


def _completions_url(endpoint: Endpoint) -> URL:
    try:
        base = URL(endpoint.base_url)
    except ValueError:
        raise UnreachableError("the address is not valid") from None
    if endpoint.api_key and base.user is not None:
        base = base.with_user(None)  # Both would set the header Authorization.
    return base.joinpath("chat", "completions").with_query(base.query)


def _describe(error: BaseException) -> str:
    name = type(error).__name__
    reason = error.strerror if isinstance(error, OSError) else None
    return redact(f"{name}: {reason}", ()) if reason else name
