"""The sending side of one connection: what is to be sent, in order, and the pump that sends it."""

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

FRAME_OVERHEAD = 4_000
"""Bytes of a frame besides a step's text, at most."""
BYTES_PER_CHARACTER = 6
"""Of a control character in JSON, the longest."""
MAX_UNREAD = 8_000_000
"""Characters that may wait for a client: responses, notifications, and ended runs that are kept only for it."""


class Subscriber:
    """Queues responses and notifications as frames. Of a run it keeps only a cursor, so a slow client costs nothing.

    The questions and runs of a conversation are sent in order, by a feed. `live_run_id` returns the id of a
    conversation's live run; `close_connection` closes the connection with a code.
    """

    def __init__(
        self,
        *,
        user_id: int,
        send: Callable[[str], Awaitable[None]],
        live_run_id: Callable[[Conversation], str | None],
        close_connection: Callable[[int], asyncio.Task[None]],
    ) -> None:
        self.user_id = user_id
        self._send = send
        self._live_run_id = live_run_id
        self._close_connection = close_connection
        self._frames: deque[str | Window] = deque()
        self._queued_characters = 0
        self._feeds: dict[str, deque[str | Cursor]] = {}
        self._runs_of_feed: dict[str, set[str]] = {}
        """The ids of all runs that were ever put into each feed: none is sent twice."""
        self._deleted: set[str] = set()
        self._has_news = asyncio.Event()
        self._idle = asyncio.Event()
        self._window: Window | None = None
        self._closed = False

    # Subscriptions

    def subscribe(self, conversation_id: str, run: LiveRun | None) -> bool:
        """Sends the run from its first step, and then what happens in the conversation.

        Returns False if it is subscribed already, or the connection is closed.
        """
        if self._closed or conversation_id in self._feeds:
            return False
        self._feeds[conversation_id], self._runs_of_feed[conversation_id] = deque(), set()
        if run is not None:
            self.run_started(run)
        return True

    def is_subscribed(self, conversation_id: str) -> bool:
        return conversation_id in self._feeds

    def unsubscribe(self, conversation_id: str) -> None:
        self._runs_of_feed.pop(conversation_id, None)
        for item in self._feeds.pop(conversation_id, ()):
            self._unfollow(item)

    def close(self) -> list[str]:
        """Ends all subscriptions. Returns the ids of their conversations."""
        self._closed = True
        subscribed = list(self._feeds)
        for conversation_id in subscribed:
            self.unsubscribe(conversation_id)
        return subscribed

    # What is to be sent

    def push(self, frame: str) -> None:
        """Queues a frame, before what waits in the feeds."""
        self._frames.append(frame)
        self._queued_characters += len(frame)
        self._has_news.set()
        if self._queued_characters > MAX_UNREAD:
            self._close_connection(TOO_MUCH_UNREAD)

    def run_started(self, run: LiveRun, question: Question | None = None) -> None:
        """Sends the question, if any, and the run, which may have ended, unless its feed has had the run before."""
        feed = self._feeds.get(run.identity.conversation_id)
        if feed is None or run.identity.run_id in self._runs_of_feed[run.identity.conversation_id]:
            return
        self._runs_of_feed[run.identity.conversation_id].add(run.identity.run_id)
        run.follow(self._has_news.set)
        if question is not None:
            feed.append(notifications.message_added(*question))
        feed.append(self._limit_part(Cursor(run)))
        self._has_news.set()
        self._check_unread()

    def conversation_changed(self, conversation: Conversation) -> None:
        self.push(notifications.conversation_changed(conversation, self._live_run_id(conversation)))
        self._check_unread()  # its run may have ended, and then be kept for this client alone

    def conversation_deleted(self, conversation_id: str) -> None:
        """Sends it after the end of the conversation's run, if it is subscribed."""
        frame = notifications.conversation_deleted(conversation_id)
        feed = self._feeds.get(conversation_id)
        if feed is None:
            self.push(frame)
        else:
            feed.append(frame)
            self._deleted.add(conversation_id)
            self._has_news.set()

    def close_for_restart(self) -> asyncio.Task[None]:
        """Closes the connection after everything else was sent. The task ends when it is closed."""
        return self._close_connection(RESTARTING)

    # Flow control

    def start_flow_control(self, size: int) -> None:
        """After what is queued now, keeps at most `size` bytes of frames unacknowledged.

        An earlier window holds until then, but counts all of its frames as acknowledged: the client may have started
        to count again.
        """
        if self._window is not None:
            self._window.forget()
        self._frames.append(Window(size))
        self._has_news.set()

    def acknowledge(self, taken: int) -> None:
        """The client has taken `taken` bytes of frames in all since flow control started."""
        if self._window is not None:
            self._window.acknowledge(taken)

    # Sending

    async def pump(self) -> None:
        """Sends forever, as soon as there is something. What comes while it sends is merged into the next frames."""
        while True:
            await self._has_news.wait()
            self._has_news.clear()
            self._idle.clear()
            for frame in self._pending_frames():
                if self._window is not None:
                    await self._window.admit(frame)
                await self._send(frame)
            self._idle.set()

    async def wait_until_sent(self) -> None:
        """Waits until nothing waits for the client."""
        while self._has_news.is_set() or not self._idle.is_set():
            await self._idle.wait()
            await asyncio.sleep(0)

    def _pending_frames(self) -> Iterator[str]:
        """Yields what waits. A response comes before the notifications it caused, also if it is queued meanwhile."""
        from_feeds = itertools.chain.from_iterable(map(self._feed_frames, list(self._feeds)))
        while True:
            if self._frames:
                frame = self._frames.popleft()
                if isinstance(frame, Window):
                    self._window = frame
                    for item in itertools.chain.from_iterable(self._feeds.values()):
                        if isinstance(item, Cursor):
                            self._limit_part(item)
                else:
                    self._queued_characters -= len(frame)
                    yield frame
            elif frame := next(from_feeds, ""):
                yield frame
            else:
                return

    def _feed_frames(self, conversation_id: str) -> Iterator[str]:
        """Yields frames up to the end of the feed, or the present end of a live run in it."""
        feed = self._feeds.get(conversation_id)
        while feed:
            item = feed[0]
            for frame in [item] if isinstance(item, str) else notifications.run_frames(item):
                yield frame
                if self._feeds.get(conversation_id) is not feed:  # unsubscribed meanwhile
                    return
            if isinstance(item, Cursor) and not item.ended:
                return
            feed.popleft()
            self._unfollow(item)
        if conversation_id in self._deleted:
            self._deleted.discard(conversation_id)
            self.unsubscribe(conversation_id)

    def _limit_part(self, cursor: Cursor) -> Cursor:
        """Lets a part of a step fit into the window, however its characters are encoded."""
        if self._window is not None:
            cursor.max_part = min(cursor.max_part, (self._window.size - FRAME_OVERHEAD) // BYTES_PER_CHARACTER)
        return cursor

    def _check_unread(self) -> None:
        """Closes a connection for which too much is kept. A single run may be as long as it likes."""
        unread = [_kept_characters(item) for feed in self._feeds.values() for item in feed]
        if sum(unread) - max(unread, default=0) > MAX_UNREAD:
            self._close_connection(TOO_MUCH_UNREAD)

    def _unfollow(self, item: str | Cursor) -> None:
        if isinstance(item, Cursor):
            item.run.unfollow(self._has_news.set)


def _kept_characters(item: str | Cursor) -> int:
    """Characters that are in memory for this connection alone: a live run is there for everybody."""
    if isinstance(item, str):
        return len(item)
    return item.unseen if item.run.outcome is not None else 0
