"""A connection of a page or a program: decode, authorise, one verb of the runner or the store, and the answer."""

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
from conversations.websocket.protocol.frames import FRAME_BYTES, ID_LENGTH, FrameError, Request
from conversations.websocket.protocol.requests import check, check_text

logger = logging.getLogger(__name__)

UNREAD_SECONDS = 30
"""How long a client may take nothing at all."""
LAST_WORDS_SECONDS = 1
"""How long a restart waits for a client to take what there is for it."""


class FrameAllowance:
    """So many frames per second, and as many at once as come in two."""

    def __init__(self, per_second: int) -> None:
        self._rate, self._most = per_second, per_second * 2.0
        self._left, self._since = self._most, time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._since) * self._rate)
        self._since = now
        self._left -= 1
        return self._left >= 0


class ChatConsumer(AsyncConsumer):
    """Nothing in here waits for a model: a request is stored and answered, what follows is told by the pump.

    It listens on no channel layer, and its events do not pass the thread in which Channels closes old connections:
    whoever opens a connection to the database closes it.
    """

    channel_layer_alias = "none"

    def __init__(self, get_runner: Callable[[], Awaitable[Runner]]) -> None:
        self._get_runner = get_runner
        self._caller: Caller | None = None
        self._pump: asyncio.Task[None] | None = None
        self._drain: Drain | None = None
        self._ending: asyncio.Task[None] | None = None
        self._noting: asyncio.Task[None] | None = None
        self._allowance = FrameAllowance(settings.LIMIT_FRAMES_PER_SECOND)
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

    async def _connect(self) -> None:
        credentials = credentials_of(self.scope)
        if credentials.from_foreign_page:
            await self.send({"type": "websocket.close"})
            return
        runner = await self._get_runner()
        try:
            admitted = await runner.readers.run(authenticate, credentials)
        except DatabaseUnavailable:  # nobody can say who it is
            await self._accept()
            await self._close(close_codes.RESTARTING)
            return
        await self._accept()
        if admitted is None:
            await self._close(close_codes.NOT_AUTHENTICATED)
        elif runner.subscribers.is_closed:
            await self._close(close_codes.RESTARTING)
        elif runner.subscribers.connections(admitted[0].pk) >= settings.LIMIT_CONNECTIONS_PER_USER:
            await self._close(close_codes.TOO_MANY)
        else:
            self._welcome(runner, *admitted)

    async def _accept(self) -> None:
        offered = self.scope.get("subprotocols", ())
        await self.send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL if SUBPROTOCOL in offered else None})

    def _welcome(self, runner: Runner, user: User, authentication: Authentication) -> None:
        subscriber = Subscriber(
            user_id=user.pk,
            send=self._send_frame,
            live_run_id=runner.live_run_id,
            end=self._end,
        )
        self._caller = Caller(user=user, runner=runner, subscriber=subscriber)
        self._drain = drain_of(self.base_send)
        runner.subscribers.join(subscriber)
        runner.revocation.add(authentication, self._turn_out)
        subscriber.push(notifications.hello(server=f"chatsite {settings.VERSION}", user=user, limits=_limits()))
        self._pump = asyncio.create_task(self._tell(subscriber))
        if authentication.token_id is not None:
            self._noting = asyncio.create_task(_note_use(runner, authentication.token_id))

    async def _receive(self, message: dict[str, Any]) -> None:
        caller = self._caller
        if caller is None:
            return
        if not self._allowance.take():
            await self._close(close_codes.TOO_MANY)
            return
        text = message.get("text")
        if _size(message.get("bytes") or b"" if text is None else text) > FRAME_BYTES:
            await self._close(close_codes.FRAME_TOO_LARGE)
        elif text is None:
            caller.subscriber.push(frames.error(None, frames.INVALID_REQUEST, "A frame is text."))
        else:
            await self._answer(caller, text)

    async def _answer(self, caller: Caller, text: str) -> None:
        self._answered.clear()
        try:
            await self._answer_request(caller, text)
        finally:
            self._answered.set()

    async def _answer_request(self, caller: Caller, text: str) -> None:
        try:
            request = frames.decode(text)
        except FrameError as error:
            caller.subscriber.push(frames.error(error.request_id, error.code, error.message))
            return
        try:
            await self._carry_out(caller, request)
        except FrameError as error:
            self._reply(caller, request, frames.error(request.id, error.code, error.message))
        except RequestError as refused:
            self._reply(caller, request, frames.refusal(request.id, refused))
        except Exception:
            logger.exception("%s failed", request.method)
            self._reply(caller, request, frames.error(request.id, frames.INTERNAL_ERROR, "Internal error"))

    async def _carry_out(self, caller: Caller, request: Request) -> None:
        check_text(id=request.id, method=request.method)
        found = METHODS.get(request.method)
        if found is None:
            raise FrameError(frames.METHOD_NOT_FOUND, f"There is no method {request.method[:100]!r}.", request.id)
        kind, method = found
        params = check(kind, request.params)

        def reply(result: dict[str, Any]) -> None:
            self._reply(caller, request, frames.result(request.id, result))

        await method(caller, params, reply)

    def _reply(self, caller: Caller, request: Request, frame: str) -> None:
        if request.wants_answer:
            caller.subscriber.push(frame)

    async def _tell(self, subscriber: Subscriber) -> None:
        try:
            await subscriber.pump()
        except OSError as error:  # the client is gone
            logger.debug("a connection broke: %s", error)
        except Exception:
            logger.exception("a connection could not be told more")
            self._pump = None
            await self._close(close_codes.INTERNAL)

    async def _send_frame(self, frame: str) -> None:
        if self._drain is not None and not self._drain.is_ready:
            await self._wait_for_client(self._drain)
        if self._drain is not None and self._drain.is_gone:
            raise ConnectionResetError
        await self.send({"type": "websocket.send", "text": frame})

    async def _wait_for_client(self, drain: Drain) -> None:
        try:
            async with asyncio.timeout(UNREAD_SECONDS):
                await drain.ready()
        except TimeoutError:
            self._end(close_codes.TOO_MUCH_UNREAD)

    def _turn_out(self) -> None:
        self._end(close_codes.NOT_AUTHENTICATED)

    def _end(self, code: int) -> asyncio.Task[None]:
        """Ends the connection from outside its handlers; the first reason counts."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._wind_up(code))
        return self._ending

    async def _wind_up(self, code: int) -> None:
        if code == close_codes.RESTARTING and self._caller is not None:
            await self._say_last_words(self._caller.subscriber)
        await self._close(code)
        if code == close_codes.TOO_MUCH_UNREAD and self._drain is not None:
            self._drain.abort()

    async def _say_last_words(self, subscriber: Subscriber) -> None:
        """The answer to what was asked last, and what else there is for the client."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await self._answered.wait()
                await subscriber.all_told()

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
            self._caller.runner.revocation.remove(self._turn_out)
            for conversation_id in subscriber.close():
                subscribers.unsubscribe(conversation_id, subscriber)
            self._caller = None


async def _note_use(runner: Runner, token_id: int) -> None:
    with suppress(Unavailable):
        await runner.write(store.record_token_use, token_id=token_id)


def _size(frame: str | bytes) -> int:
    return len(frame) if isinstance(frame, bytes) or frame.isascii() else len(frame.encode())


def _limits() -> dict[str, Any]:
    """Every limit that can refuse a client."""
    return {
        "connections_per_user": settings.LIMIT_CONNECTIONS_PER_USER,
        "runs_per_user": settings.LIMIT_RUNS_PER_USER,
        "frames_per_second": settings.LIMIT_FRAMES_PER_SECOND,
        "frame_bytes": FRAME_BYTES,
        "id_characters": ID_LENGTH,
        "message_characters": Message.TEXT_LENGTH,
        "title_characters": Conversation.TITLE_LENGTH,
        "project_name_characters": Project.NAME_LENGTH,
        "name_characters": requests.NAME_LENGTH,
        "system_prompt_characters": requests.PROMPT_LENGTH,
        "instructions_characters": requests.PROMPT_LENGTH,
        "comment_characters": requests.COMMENT_LENGTH,
        "tool_names": requests.TOOL_NAMES,
        "page_rows": requests.PAGE_ROWS,
    }
