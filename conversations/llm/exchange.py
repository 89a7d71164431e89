from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import cast

import aiohttp
from aiohttp.http import HttpProcessingError
from yarl import URL

from conversations.llm.errors import LLMError, MalformedError, RefusedError, TimedOutError, UnreachableError
from conversations.llm.failures import scrubbed
from conversations.llm.types import Endpoint
from conversations.llm.watchdog import Watchdog

_BEFORE_REUSE = 0.05
"""Seconds to wait for the end of an answer after its end mark, so that its connection can serve the next request."""

_FOR_REFUSAL = 5.0
"""Seconds for the body of an answer that is a refusal, after its head."""

_TRANSPORT_FAILURES = (aiohttp.ClientError, HttpProcessingError, OSError)


class Exchange:
    """One request and the bytes of its answer, inside the endpoint's time limits. Foreign exceptions end here:
    `open` and `receive` raise an LLMError, in which neither key nor URL stands.

    `deadline` is in loop time. `read_pause`: see ModelClient.
    """

    def __init__(self, endpoint: Endpoint, deadline: float, read_pause: Callable[[], float] | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._endpoint = endpoint
        self._deadline = deadline
        self._first_byte_by = min(self._loop.time() + endpoint.limits.first_token, deadline)
        self._read_pause = read_pause
        self._watchdog: Watchdog | None = None
        self._failure: LLMError | None = None
        self._response: aiohttp.ClientResponse

    async def open(self, session: aiohttp.ClientSession, body: bytes) -> None:
        """Sends the request and waits for the head of the answer."""
        url = _url(self._endpoint)
        try:
            async with asyncio.timeout_at(self._first_byte_by):
                self._response = await session.post(
                    url,
                    data=io.BytesIO(body),  # in pieces: a long conversation would hold up the event loop
                    headers=_headers(self._endpoint),
                    timeout=aiohttp.ClientTimeout(total=None, connect=self._endpoint.limits.connect),
                    allow_redirects=False,
                )
        except aiohttp.ClientResponseError:
            raise MalformedError("an answer that is not HTTP") from None
        except aiohttp.ServerTimeoutError:
            raise UnreachableError("no connection in time", transient=True) from None
        except TimeoutError:
            raise TimedOutError("no answer in time") from None
        except aiohttp.InvalidURL:
            raise UnreachableError("the address is not valid") from None
        except _TRANSPORT_FAILURES as error:
            raise UnreachableError(_described(error), transient=_may_pass(error)) from None
        except ValueError:
            raise RefusedError("a key or header that cannot be sent") from None

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    async def receive(self) -> bytes:
        """Returns the next bytes of the body, b"" at its end. Bytes that came before a failure come out before it."""
        if self._failure is not None:
            raise self._failure
        try:
            return await (self._read_first() if self._watchdog is None else self._read_next(self._watchdog))
        except LLMError as error:
            self._failure = error
        except (*_TRANSPORT_FAILURES, RuntimeError):  # aiohttp's for a read after the connection was closed
            self._failure = MalformedError("the connection broke off", transient=True)
        if rest := self._already_received():
            return rest
        raise self._failure

    async def receive_up_to(self, limit: int) -> bytes:
        """Returns the body of a refusal, or what there is of it after a short time, cut at `limit` bytes."""
        body = bytearray()
        with suppress(*_TRANSPORT_FAILURES):
            async with asyncio.timeout(_FOR_REFUSAL):
                while len(body) < limit and (piece := await self._response.content.readany()):
                    body += piece
        return bytes(body[:limit])

    def expect_end_within(self, seconds: float) -> None:
        """From now on, silence of that length is a failure."""
        if self._watchdog is not None:
            self._watchdog.tighten(seconds)

    async def leave_reusable(self) -> None:
        """Takes the formal end of the body, if it comes now, so that the connection can be used again."""
        content = self._response.content
        with suppress(*_TRANSPORT_FAILURES):
            async with asyncio.timeout(_BEFORE_REUSE):
                while not content.at_eof():
                    await content.readany()

    def close(self) -> None:
        """Closes the connection, at once, unless the body was read to its end."""
        if self._watchdog is not None:
            self._watchdog.stop()
        self._response.close()

    async def _read_first(self) -> bytes:
        try:
            async with asyncio.timeout_at(self._first_byte_by):
                piece = await self._response.content.readany()
        except TimeoutError:
            raise TimedOutError("no first byte in time") from None
        content = self._response.content
        self._watchdog = Watchdog(self._endpoint.limits.idle, self._deadline, content.set_exception)
        return piece

    async def _read_next(self, watchdog: Watchdog) -> bytes:
        if self._read_pause is not None and (pause := self._read_pause()) > 0:
            await self._let_gather(pause)
        watchdog.begin()
        try:
            return await self._response.content.readany()
        finally:
            watchdog.end()

    async def _let_gather(self, seconds: float) -> None:
        """Leaves what comes to the kernel for a while: one larger read costs less than many small ones."""
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
            _resume_reading(transport)

    def _already_received(self) -> bytes:
        content = self._response.content
        # A stream that has failed gives its buffer only once the failure is taken off it.
        content.set_exception(cast(BaseException, None))
        return content.read_nowait()


def _resume_reading(transport: asyncio.Transport) -> None:
    with suppress(RuntimeError):  # uvloop's for a transport that was closed meanwhile
        transport.resume_reading()


def _url(endpoint: Endpoint) -> URL:
    try:
        base = URL(endpoint.base_url)
    except ValueError:
        raise UnreachableError("the address is not valid") from None
    if endpoint.api_key and base.user is not None:
        base = base.with_user(None)  # Both would be the header Authorization.
    return base.joinpath("chat", "completions").with_query(base.query)


def _headers(endpoint: Endpoint) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream, application/json"}
    if endpoint.api_key:
        headers["Authorization"] = f"Bearer {endpoint.api_key}"
    return headers | dict(endpoint.headers)


def _described(error: BaseException) -> str:
    name = type(error).__name__
    reason = error.strerror if isinstance(error, OSError) else None
    return scrubbed(f"{name}: {reason}", ()) if reason else name


def _may_pass(error: BaseException) -> bool:
    return not isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError)
