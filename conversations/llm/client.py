from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from typing import cast

import aiohttp

from conversations.llm.answer import AnswerDecoder
from conversations.llm.backoff import pause_before_next
from conversations.llm.dialect import OPTIONAL_FIELDS, request_body
from conversations.llm.errors import LLMError, MalformedError, TimedOutError
from conversations.llm.exchange import Exchange
from conversations.llm.failures import failure_of_status, scrubbed
from conversations.llm.types import CompletionRequest, Delta, Endpoint, TextDelta, ThinkingDelta

_LONGEST_ERROR_BODY = 64 * 1024
_SHORTEST_SECRET = 8
"""Characters of a header's value: what is shorter would be found in every other word."""
_AFTER_FINISH = 5.0
"""Seconds that a server may take for its usage and its end mark once the model has stopped."""


class ModelClient:
    """Asks models, over one session of connections that is opened in the loop of the first request.

    `read_pause` is asked before each read but the first for how many seconds to let the network gather: 0 when there
    is time, more under load, where one larger read costs less than many small ones. `backoff` is the pause in seconds
    before the second attempt, doubled for each further one.
    """

    def __init__(self, read_pause: Callable[[], float] | None = None, backoff: float = 0.5) -> None:
        self._read_pause = read_pause
        self._backoff = backoff
        self._session: aiohttp.ClientSession | None = None
        self._refused_fields: dict[tuple[str, str], frozenset[str]] = {}

    async def stream(self, endpoint: Endpoint, request: CompletionRequest) -> AsyncGenerator[Delta, None]:
        """Yields the answer as it comes: fragments, then one Finish, then perhaps one Usage. Raises an LLMError.

        Failed attempts are made again (`endpoint.retries`) as long as nothing was yielded. Closing the generator, or
        cancelling the task that runs it, closes the connection at once.
        """
        deadline = asyncio.get_running_loop().time() + endpoint.limits.total
        answer, deltas = await self._begin(endpoint, request, deadline)
        try:
            while deltas:
                for delta in joined(deltas):
                    yield delta
                deltas = await answer.read()
        finally:
            answer.close()

    async def close(self) -> None:
        """Closes all connections. Streams that are still being read must be closed before."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _begin(
        self, endpoint: Endpoint, request: CompletionRequest, deadline: float
    ) -> tuple[_Answer, list[Delta]]:
        """Returns an answer and its first deltas, after as many attempts as it takes and is allowed."""
        attempt = 0
        while True:
            try:
                return await self._attempt(endpoint, request, deadline)
            except LLMError as error:
                wait = pause_before_next(attempt, error, self._backoff) if error.transient else None
                left = deadline - asyncio.get_running_loop().time()
                if attempt >= endpoint.retries or wait is None or wait >= left:
                    raise
            attempt += 1
            await asyncio.sleep(wait)

    async def _attempt(
        self, endpoint: Endpoint, request: CompletionRequest, deadline: float
    ) -> tuple[_Answer, list[Delta]]:
        """Sends the request, once more without what the server refuses and can do without; reads the first deltas."""
        server = (endpoint.base_url, endpoint.model)
        without = self._refused_fields.get(server, frozenset())
        body = request_body(endpoint, request, without=without)
        while True:
            exchange = Exchange(endpoint, deadline, self._read_pause)
            await exchange.open(self._opened_session(), body)
            answer = _Answer(exchange, _secrets(endpoint))
            try:
                if exchange.status == 200:
                    self._refused_fields[server] = without
                    return answer, await answer.read()
                refusal = await exchange.receive_up_to(_LONGEST_ERROR_BODY)
            except BaseException:
                answer.close()
                raise
            answer.close()
            without |= _refused_fields(exchange.status, refusal)
            refused, body = body, request_body(endpoint, request, without=without)
            if body == refused:
                raise answer.scrubbed(failure_of_status(exchange.status, exchange.headers, refusal))

    def _opened_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                # A compressed stream would come in larger lumps, later.
                headers={"User-Agent": "chatsite", "Accept-Encoding": "identity"},
            )
        return self._session


class _Answer:
    """An exchange whose bytes are an answer, read delta by delta."""

    def __init__(self, exchange: Exchange, secrets: tuple[str, ...]) -> None:
        self._exchange = exchange
        self._decoder = AnswerDecoder()
        self._secrets = secrets
        self._failure: LLMError | None = None
        self._over = False
        self._stopped = False

    async def read(self) -> list[Delta]:
        """Returns the next deltas, at least one, or [] at the end. What came before a failure is returned first."""
        while not self._over and self._failure is None:
            try:
                await self._advance()
            except LLMError as error:
                self._failure = self.scrubbed(error)
            if deltas := self._decoder.take():
                return deltas
        if self._failure is not None:
            raise self._failure
        if self._decoder.done:
            await self._exchange.leave_reusable()
        return []

    def close(self) -> None:
        self._exchange.close()

    def scrubbed(self, error: LLMError) -> LLMError:
        error.detail = scrubbed(error.detail, self._secrets)
        error.args = (error.detail,)
        return error

    async def _advance(self) -> None:
        decoder = self._decoder
        try:
            piece = await self._exchange.receive()
        except (MalformedError, TimedOutError):
            if not decoder.stopped:
                raise
            # The model had stopped: only the formal end is missing.
            self._over = True
            decoder.finish()
            return
        if piece:
            decoder.feed(piece)
        else:
            decoder.end()
        self._over = decoder.done or not piece
        if decoder.stopped and not self._stopped:
            self._stopped = True
            self._exchange.expect_end_within(_AFTER_FINISH)


def joined(deltas: Iterable[Delta]) -> Iterator[Delta]:
    """The same, with words that came together as one: what is done with a fragment costs as much for one word as for
    several, and under load several come at once."""
    for kind, group in itertools.groupby(deltas, type):
        if kind is TextDelta:
            yield TextDelta("".join(delta.text for delta in cast(Iterator[TextDelta], group)))
        elif kind is ThinkingDelta:
            yield ThinkingDelta("".join(delta.text for delta in cast(Iterator[ThinkingDelta], group)))
        else:
            yield from group


def _refused_fields(status: int, body: bytes) -> frozenset[str]:
    if status not in (400, 422):
        return frozenset()
    return frozenset(name for name in OPTIONAL_FIELDS if re.search(rb"\b%b\b" % name.encode(), body))


def _secrets(endpoint: Endpoint) -> tuple[str, ...]:
    headers = tuple(value for value in endpoint.headers.values() if len(value) >= _SHORTEST_SECRET)
    return (endpoint.api_key, *headers) if endpoint.api_key else headers
