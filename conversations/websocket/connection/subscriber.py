"""The sending side of one connection: what it is to be told, in order, and the pump that tells it."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Iterator

from conversations.models import Conversation
from conversations.runner.subscribers import Question
from conversations.runs.live import Cursor, LiveRun
from conversations.websocket.connection.window import Window
from conversations.websocket.protocol import notifications
from conversations.websocket.protocol.close_codes import RESTARTING, TOO_MUCH_UNREAD

Send = Callable[[str], Awaitable[None]]

FRAME_OVERHEAD = 4_000
"""Bytes of a frame beside a step's text, at most."""
BYTES_PER_CHARACTER = 6
"""A control character as JSON writes it."""
MOST_UNREAD = 8_000_000
"""Characters that may wait for a client: answers and news, and runs that have ended and are only kept for it."""


class Subscriber:
    """Answers and news are frames that wait; of a run there is only a cursor, so that a slow client costs nothing.

    A conversation's questions and runs are told in their order. `live_run_id` says which run of a conversation is live;
    `end` closes the connection with a code.
    """

    def __init__(
        self,
        *,
        user_id: int,
        send: Send,
        live_run_id: Callable[[Conversation], str | None],
        end: Callable[[int], asyncio.Task[None]],
    ) -> None:
        self.user_id = user_id
        self._send = send
        self._live_run_id = live_run_id
        self._end = end
        self._frames: deque[str | Window] = deque()
        self._feeds: dict[str, deque[str | Cursor]] = {}
        self._told: dict[str, set[str]] = {}
        """The runs that each feed has, or had: none is told twice."""
        self._woken = asyncio.Event()
        self._idle = asyncio.Event()
        self._queued = 0
        self._deleted: set[str] = set()
        self._window: Window | None = None
        self._closed = False

    def push(self, frame: str) -> None:
        self._frames.append(frame)
        self._queued += len(frame)
        self._woken.set()
        if self._queued > MOST_UNREAD:
            self._end(TOO_MUCH_UNREAD)

    def subscribe(self, conversation_id: str, run: LiveRun | None) -> bool:
        """Tells the run from its first step, and what follows in the conversation; false if it does so already, or
        the connection is closed."""
        if self._closed or conversation_id in self._feeds:
            return False
        self._feeds[conversation_id], self._told[conversation_id] = deque(), set()
        if run is not None:
            self.run_started(run)
        return True

    def follows(self, conversation_id: str) -> bool:
        return conversation_id in self._feeds

    def unsubscribe(self, conversation_id: str) -> None:
        self._told.pop(conversation_id, None)
        for item in self._feeds.pop(conversation_id, ()):
            self._let_go(item)

    def close(self) -> list[str]:
        """Follows nothing any more; the conversations that were followed."""
        self._closed = True
        followed = list(self._feeds)
        for conversation_id in followed:
            self.unsubscribe(conversation_id)
        return followed

    def run_started(self, run: LiveRun, question: Question | None = None) -> None:
        """Tells the question, if there is one, and the run, also one that has ended, unless this subscription has told
        it already."""
        feed = self._feeds.get(run.identity.conversation_id)
        told = self._told.get(run.identity.conversation_id, set())
        if feed is not None and run.identity.run_id not in told:
            told.add(run.identity.run_id)
            run.follow(self._woken.set)
            if question is not None:
                feed.append(notifications.message_added(*question))
            feed.append(self._narrow(Cursor(run)))
            self._woken.set()
            self._check_feeds()

    def conversation_changed(self, conversation: Conversation) -> None:
        """This also comes when a run has ended: from then on it may be kept for this client alone."""
        self.push(notifications.conversation_changed(conversation, self._live_run_id(conversation)))
        self._check_feeds()

    def conversation_deleted(self, conversation_id: str) -> None:
        """Comes after the end of its run, where that is followed."""
        frame = notifications.conversation_deleted(conversation_id)
        feed = self._feeds.get(conversation_id)
        if feed is None:
            self.push(frame)
        else:
            feed.append(frame)
            self._deleted.add(conversation_id)
            self._woken.set()

    def limit_unacknowledged(self, size: int) -> None:
        """Behind what waits already, at most so many bytes of frames are under way to the client.

        An earlier limit holds until then, but forgets what is under way: the client may have begun to count anew.
        """
        if self._window is not None:
            self._window.forget()
        self._frames.append(Window(size))
        self._woken.set()

    def acknowledge(self, taken: int) -> None:
        """The client has taken so many bytes in all since the limit holds."""
        if self._window is not None:
            self._window.acknowledge(taken)

    def restarting(self) -> asyncio.Task[None]:
        """Says so, after everything else, and closes; done when it is closed."""
        return self._end(RESTARTING)

    async def all_told(self) -> None:
        """Waits until nothing waits for the client."""
        while self._woken.is_set() or not self._idle.is_set():
            await self._idle.wait()
            await asyncio.sleep(0)

    async def pump(self) -> None:
        """Sends for ever, at once. What comes while it sends makes the next piece; when the process is busy, pieces are
        larger because models are read in larger ones."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            self._idle.clear()
            for frame in self._pending():
                if self._window is not None:
                    await self._window.admit(frame)
                await self._send(frame)
            self._idle.set()

    def _pending(self) -> Iterator[str]:
        """What waits; an answer goes before whatever it caused, also if it comes while the rest is being sent."""
        told = itertools.chain.from_iterable(map(self._of, list(self._feeds)))
        while True:
            if self._frames:
                frame = self._frames.popleft()
                if isinstance(frame, Window):
                    self._open(frame)
                else:
                    self._queued -= len(frame)
                    yield frame
            elif frame := next(told, ""):
                yield frame
            else:
                return

    def _of(self, conversation_id: str) -> Iterator[str]:
        feed = self._feeds.get(conversation_id)
        while feed:
            item = feed[0]
            for frame in [item] if isinstance(item, str) else notifications.run_frames(item):
                yield frame
                if self._feeds.get(conversation_id) is not feed:
                    return
            if isinstance(item, Cursor) and not item.ended:
                return
            feed.popleft()
            self._let_go(item)
        if conversation_id in self._deleted:
            self._deleted.discard(conversation_id)
            self.unsubscribe(conversation_id)

    def _open(self, window: Window) -> None:
        self._window = window
        for item in itertools.chain.from_iterable(self._feeds.values()):
            if isinstance(item, Cursor):
                self._narrow(item)

    def _narrow(self, cursor: Cursor) -> Cursor:
        """A part of a step is to fit into the window, however its characters are written."""
        if self._window is not None:
            cursor.part = min(cursor.part, (self._window.size - FRAME_OVERHEAD) // BYTES_PER_CHARACTER)
        return cursor

    def _check_feeds(self) -> None:
        """Ends a connection for which too much is kept; a single run may be as long as it likes."""
        unread = [_kept(item) for feed in self._feeds.values() for item in feed]
        if sum(unread) - max(unread, default=0) > MOST_UNREAD:
            self._end(TOO_MUCH_UNREAD)

    def _let_go(self, item: str | Cursor) -> None:
        if isinstance(item, Cursor):
            item.run.unfollow(self._woken.set)


def _kept(item: str | Cursor) -> int:
    """Characters that are there for this connection: a live run is there for everybody."""
    if isinstance(item, str):
        return len(item)
    return item.unseen if item.run.outcome is not None else 0
