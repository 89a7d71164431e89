"""The WebSocket consumer: authenticates a connection, and decodes, dispatches and answers its requests."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from django.conf import settings

from accounts.models import User
from conversations import store
from conversations.db.threads import DatabaseUnavailable
from conversations.errors import RequestError, Unavailable
from conversations.models import Conversation, Message, Project
from conversations.runner.revocation import Authentication
from conversations.runner.runner import Runner
from conversations.websocket.connection.authentication import SUBPROTOCOL, authenticate, credentials_of
from conversations.websocket.connection.drain import Drain, drain_of
from conversations.websocket.connection.subscriber import Subscriber
from conversations.websocket.methods import METHODS, Caller
from conversations.websocket.protocol import close_codes, frames, notifications, requests
from conversations.websocket.protocol.frames import MAX_FRAME_BYTES, MAX_ID_CHARACTERS, FrameError
from conversations.websocket.protocol.requests import validate_params, validate_text

logger = logging.getLogger(__name__)

UNREAD_TIMEOUT = 30
"""Seconds that a client may take nothing at all."""
LAST_FRAMES_TIMEOUT = 1
"""Seconds that a restart waits for a client to take what is queued for it."""


class FrameRate:
    """Allows `per_second` frames per second, and twice as many at once."""

    def __init__(self, per_second: int) -> None:
        self._per_second, self._burst = per_second, per_second * 2.0
        self._available, self._updated_at = self._burst, time.monotonic()

    def allow(self) -> bool:
        """Counts a frame. Returns False if it is one too many."""
        now = time.monotonic()
        self._available = min(self._burst, self._available + (now - self._updated_at) * self._per_second) - 1
        self._updated_at = now
        return self._available >= 0


class ChatConsumer(AsyncConsumer):
    """One connection. Nothing here waits for a model: a request is stored and answered; the pump sends what follows.

    It does not listen on a channel layer, and its messages bypass the thread in which Channels closes old database
    connections: whoever opens a connection closes it.
    """

    channel_layer_alias = "none"

    def __init__(self, get_runner: Callable[[], Awaitable[Runner]]) -> None:
        self._get_runner = get_runner
        self._caller: Caller | None = None
        self._pump: asyncio.Task[None] | None = None
        self._drain: Drain | None = None
        self._closing: asyncio.Task[None] | None = None
        self._recording_use: asyncio.Task[None] | None = None
        self._frame_rate = FrameRate(settings.LIMIT_FRAMES_PER_SECOND)
        self._answered = asyncio.Event()
        self._answered.set()

    async def __call__(self, *connection: Any) -> None:
        try:
            await super().__call__(*connection)
        finally:
            self._disconnect()

    async def dispatch(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "websocket.receive":
                await self._receive(message)
            case "websocket.connect":
                await self._connect()
            case "websocket.disconnect":
                raise StopConsumer

    # Connecting

    async def _connect(self) -> None:
        credentials = credentials_of(self.scope)
        if credentials.from_foreign_page:
            await self.send({"type": "websocket.close"})
            return
        runner = await self._get_runner()
        try:
            found = await runner.readers.run(authenticate, credentials)
        except DatabaseUnavailable:  # nobody can be authenticated
            await self._accept()
            await self._close(close_codes.RESTARTING)
            return
        await self._accept()
        if found is None:
            await self._close(close_codes.NOT_AUTHENTICATED)
        elif runner.subscribers.is_closed:
            await self._close(close_codes.RESTARTING)
        elif runner.subscribers.connection_count(found[0].pk) >= settings.LIMIT_CONNECTIONS_PER_USER:
            await self._close(close_codes.TOO_MANY)
        else:
            self._start(runner, *found)

    async def _accept(self) -> None:
        offered = self.scope.get("subprotocols", ())
        await self.send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL if SUBPROTOCOL in offered else None})

    def _start(self, runner: Runner, user: User, authentication: Authentication) -> None:
        subscriber = Subscriber(
            user_id=user.pk,
            send=self._send_frame,
            live_run_id=runner.live_run_id,
            close_connection=self._start_closing,
        )
        self._caller = Caller(user=user, runner=runner, subscriber=subscriber)
        self._drain = drain_of(self.base_send)
        runner.subscribers.join(subscriber)
        runner.revocation.add(authentication, self._on_revoked)
        subscriber.push(notifications.hello(server=f"chatsite {settings.VERSION}", user=user, limits=_limits()))
        self._pump = asyncio.create_task(self._run_pump(subscriber))
        if authentication.token_id is not None:
            self._recording_use = asyncio.create_task(_record_token_use(runner, authentication.token_id))

    # Requests

    async def _receive(self, message: dict[str, Any]) -> None:
        caller = self._caller
        if caller is None:
            return
        if not self._frame_rate.allow():
            await self._close(close_codes.TOO_MANY)
            return
        text = message.get("text")
        if _size(message.get("bytes") or b"" if text is None else text) > MAX_FRAME_BYTES:
            await self._close(close_codes.FRAME_TOO_LARGE)
        elif text is None:
            caller.subscriber.push(frames.error(None, frames.INVALID_REQUEST, "A frame is text."))
        else:
            self._answered.clear()
            try:
                await self._handle(caller, text)
            finally:
                self._answered.set()

    async def _handle(self, caller: Caller, text: str) -> None:
        """Decodes a request, carries it out, and answers it with its result or an error."""
        try:
            request = frames.decode(text)
        except FrameError as error:
            caller.subscriber.push(frames.error(error.request_id, error.code, error.message))
            return

        def reply(frame: str) -> None:
            if request.wants_answer:
                caller.subscriber.push(frame)

        try:
            validate_text(id=request.id, method=request.method)
            if request.method not in METHODS:
                raise FrameError(frames.METHOD_NOT_FOUND, f"There is no method {request.method[:100]!r}.", request.id)
            params_type, method = METHODS[request.method]
            params = validate_params(params_type, request.params)
            await method(caller, params, lambda result: reply(frames.result(request.id, result)))
        except FrameError as error:
            reply(frames.error(request.id, error.code, error.message))
        except RequestError as error:
            reply(frames.request_error(request.id, error))
        except Exception:
            logger.exception("%s failed", request.method)
            reply(frames.error(request.id, frames.INTERNAL_ERROR, "Internal error"))

    # Sending

    async def _run_pump(self, subscriber: Subscriber) -> None:
        try:
            await subscriber.pump()
        except OSError as error:  # the client is gone
            logger.debug("a connection broke: %s", error)
        except Exception:
            logger.exception("the pump of a connection failed")
            self._pump = None
            await self._close(close_codes.INTERNAL)

    async def _send_frame(self, frame: str) -> None:
        if self._drain is not None:
            if not self._drain.is_ready:
                try:
                    async with asyncio.timeout(UNREAD_TIMEOUT):
                        await self._drain.ready()
                except TimeoutError:
                    self._start_closing(close_codes.TOO_MUCH_UNREAD)
            if self._drain.is_gone:
                raise ConnectionResetError
        await self.send({"type": "websocket.send", "text": frame})

    # Closing

    def _on_revoked(self) -> None:
        self._start_closing(close_codes.NOT_AUTHENTICATED)

    def _start_closing(self, code: int) -> asyncio.Task[None]:
        """Closes the connection in a task. The first code counts."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._finish_and_close(code))
        return self._closing

    async def _finish_and_close(self, code: int) -> None:
        if code == close_codes.RESTARTING and self._caller is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_FRAMES_TIMEOUT):
                    await self._answered.wait()
                    await self._caller.subscriber.wait_until_sent()
        await self._close(code)
        if code == close_codes.TOO_MUCH_UNREAD and self._drain is not None:
            self._drain.abort()

    async def _close(self, code: int) -> None:
        self._disconnect()
        await self.send({"type": "websocket.close", "code": code})

    def _disconnect(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
            self._pump = None
        if self._caller is not None:
            subscribers, subscriber = self._caller.runner.subscribers, self._caller.subscriber
            subscribers.leave(subscriber)
            self._caller.runner.revocation.remove(self._on_revoked)
            for conversation_id in subscriber.close():
                subscribers.unsubscribe(conversation_id, subscriber)
            self._caller = None


async def _record_token_use(runner: Runner, token_id: int) -> None:
    with suppress(Unavailable):
        await runner.write(store.record_token_use, token_id=token_id)


def _size(frame: str | bytes) -> int:
    return len(frame) if isinstance(frame, bytes) or frame.isascii() else len(frame.encode())


def _limits() -> dict[str, Any]:
    """Returns every limit that can refuse a client's request."""
    return {
        "connections_per_user": settings.LIMIT_CONNECTIONS_PER_USER,
        "runs_per_user": settings.LIMIT_RUNS_PER_USER,
        "frames_per_second": settings.LIMIT_FRAMES_PER_SECOND,
        "frame_bytes": MAX_FRAME_BYTES,
        "id_characters": MAX_ID_CHARACTERS,
        "message_characters": Message.MAX_TEXT_LENGTH,
        "title_characters": Conversation.MAX_TITLE_LENGTH,
        "project_name_characters": Project.MAX_NAME_LENGTH,
        "name_characters": requests.MAX_NAME,
        "system_prompt_characters": requests.MAX_PROMPT,
        "instructions_characters": requests.MAX_PROMPT,
        "comment_characters": requests.MAX_COMMENT,
        "tool_names": requests.MAX_TOOL_NAMES,
        "page_rows": requests.MAX_PAGE_ROWS,
    }
