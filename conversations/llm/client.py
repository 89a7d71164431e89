"""Streams answers from model servers, with retries."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable

import aiohttp

from conversations.llm.backoff import retry_delay
from conversations.llm.error_mapping import error_from_response, redact
from conversations.llm.errors import LLMError, MalformedError, TimedOutError
from conversations.llm.http_stream import HTTPStream
from conversations.llm.request_body import OPTIONAL_FIELDS, encode_request_body
from conversations.llm.response_decoder import ResponseDecoder
from conversations.llm.types import CompletionRequest, Delta, Endpoint

MAX_ERROR_BODY_BYTES = 64 * 1024
MIN_SECRET_LENGTH = 8
"""Characters of a header's value. Shorter values occur by chance in ordinary words, so they are not redacted."""
FINISH_TIMEOUT = 5.0
"""Seconds that a server has for its usage and its end mark after the finish reason."""


class ModelClient:
    """Asks models, over one aiohttp session that is opened with the first request.

    `read_pause` is called before each read but the first, and returns the seconds to wait so that more data arrives:
    0 when the process is idle, more under load, where one large read costs less than many small ones. `backoff` is the
    maximum delay in seconds before the second attempt, doubled for each further one.
    """

    def __init__(self, read_pause: Callable[[], float] | None = None, backoff: float = 0.5) -> None:
        self._read_pause = read_pause
        self._backoff = backoff
        self._session: aiohttp.ClientSession | None = None
        self._refused_fields: dict[tuple[str, str], frozenset[str]] = {}
        """By base URL and model."""

    async def stream(self, endpoint: Endpoint, request: CompletionRequest) -> AsyncGenerator[Delta, None]:
        """Yields the answer as it arrives: fragments, one Finish, and a Usage if the server sent one.

        Makes up to `endpoint.retries` further attempts, as long as nothing was yielded. Raises an LLMError. Closing the
        generator, or cancelling its task, closes the connection at once.
        """
        deadline = asyncio.get_running_loop().time() + endpoint.limits.total
        reader, deltas = await self._open_with_retries(endpoint, request, deadline)
        try:
            while deltas:
                for delta in deltas:
                    yield delta
                deltas = await reader.read()
        finally:
            reader.close()

    async def close(self) -> None:
        """Closes all connections. Streams that are still being read must be closed before."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _open_with_retries(
        self, endpoint: Endpoint, request: CompletionRequest, deadline: float
    ) -> tuple[_DeltaReader, list[Delta]]:
        attempt = 0
        while True:
            try:
                return await self._open(endpoint, request, deadline)
            except LLMError as error:
                delay = retry_delay(attempt, error, self._backoff) if error.transient else None
                remaining = deadline - asyncio.get_running_loop().time()
                if attempt >= endpoint.retries or delay is None or delay >= remaining:
                    raise
            attempt += 1
            await asyncio.sleep(delay)

    async def _open(
        self, endpoint: Endpoint, request: CompletionRequest, deadline: float
    ) -> tuple[_DeltaReader, list[Delta]]:
        """Sends the request, again without the optional fields that the server refuses, and reads the first deltas."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                # A compressed stream would arrive later, and in larger pieces.
                headers={"User-Agent": "chatsite", "Accept-Encoding": "identity"},
            )
        server = (endpoint.base_url, endpoint.model)
        without = self._refused_fields.get(server, frozenset())
        body = encode_request_body(endpoint, request, without=without)
        while True:
            http = HTTPStream(endpoint, deadline, self._read_pause)
            await http.open(self._session, body)
            reader = _DeltaReader(http, _secrets(endpoint))
            try:
                if http.status == 200:
                    self._refused_fields[server] = without
                    return reader, await reader.read()
                error_body = await http.read_error_body(MAX_ERROR_BODY_BYTES)
            except BaseException:
                reader.close()
                raise
            reader.close()
            if http.status in (400, 422):
                without |= {name for name in OPTIONAL_FIELDS if re.search(rb"\b%b\b" % name.encode(), error_body)}
            refused_body, body = body, encode_request_body(endpoint, request, without=without)
            if body == refused_body:
                raise reader.redact(error_from_response(http.status, http.headers, error_body))


class _DeltaReader:
    """Reads the deltas of one response. `secrets` are removed from its errors."""

    def __init__(self, http: HTTPStream, secrets: tuple[str, ...]) -> None:
        self._http = http
        self._decoder = ResponseDecoder()
        self._secrets = secrets
        self._error: LLMError | None = None
        self._at_end = False

    async def read(self) -> list[Delta]:
        """Returns the next deltas, at least one, or [] at the end. Raises an error only after the deltas before it."""
        while not (self._at_end or self._decoder.done or self._error):
            try:
                await self._decode_next()
            except LLMError as error:
                self._error = self.redact(error)
            if deltas := self._decoder.chunks.take():
                return deltas
        if self._error is not None:
            raise self._error
        if self._decoder.done:
            await self._http.drain()
        return []

    def close(self) -> None:
        self._http.close()

    def redact(self, error: LLMError) -> LLMError:
        error.detail = redact(error.detail, self._secrets)
        error.args = (error.detail,)
        return error

    async def _decode_next(self) -> None:
        decoder = self._decoder
        try:
            data = await self._http.read()
        except (MalformedError, TimedOutError):
            if decoder.chunks.finish_reason is None:
                raise
            self._at_end = True
            decoder.finish()  # The model has finished: only the end mark is missing.
            return
        if data:
            decoder.feed(data)
        else:
            self._at_end = True
            decoder.end()
        if decoder.chunks.finish_reason is not None:
            self._http.reduce_idle_timeout(FINISH_TIMEOUT)


def _secrets(endpoint: Endpoint) -> tuple[str, ...]:
    headers = tuple(value for value in endpoint.headers.values() if len(value) >= MIN_SECRET_LENGTH)
    return (endpoint.api_key, *headers) if endpoint.api_key else headers
