"""The connections of this process, by user and by the conversations that they follow."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Generic, Protocol, TypeVar

from conversations.models import Conversation, Message
from conversations.runs.live import LiveRun

Question = tuple[Message, list[str]]
"""A user message, and the ids of all its versions."""


class Listener(Protocol):
    """A connection that is notified. No method blocks: notifications are queued and sent in order."""

    user_id: int

    def run_started(self, run: LiveRun, question: Question | None = None) -> None: ...

    def conversation_changed(self, conversation: Conversation) -> None: ...

    def conversation_deleted(self, conversation_id: str) -> None: ...

    def close_for_restart(self) -> asyncio.Task[None]: ...


K = TypeVar("K")


class _Groups(Generic[K]):
    """Listeners by key, in the order in which they were added."""

    def __init__(self) -> None:
        self._members: defaultdict[K, dict[Listener, None]] = defaultdict(dict)

    def add(self, key: K, listener: Listener) -> None:
        self._members[key][listener] = None

    def remove(self, key: K, listener: Listener) -> None:
        members = self._members.get(key)
        if members is not None:
            members.pop(listener, None)
            if not members:
                del self._members[key]

    def listeners(self) -> list[Listener]:
        return [listener for members in self._members.values() for listener in members]

    def keys(self) -> list[K]:
        return list(self._members)

    def get(self, key: K) -> list[Listener]:
        return list(self._members.get(key, ()))


class Subscribers:
    """The registry of connections. `is_closed`: the server is stopping and accepts no more connections."""

    def __init__(self) -> None:
        self.is_closed = False
        self._by_user: _Groups[int] = _Groups()
        self._by_conversation: _Groups[str] = _Groups()

    def join(self, listener: Listener) -> None:
        self._by_user.add(listener.user_id, listener)

    def leave(self, listener: Listener) -> None:
        """Subscriptions to conversations stay, and are ended by `unsubscribe`."""
        self._by_user.remove(listener.user_id, listener)

    def subscribe(self, conversation_id: str, listener: Listener) -> None:
        self._by_conversation.add(conversation_id, listener)

    def unsubscribe(self, conversation_id: str, listener: Listener) -> None:
        self._by_conversation.remove(conversation_id, listener)

    def is_followed(self, conversation_id: str) -> bool:
        return bool(self._by_conversation.get(conversation_id))

    def conversation_ids(self) -> list[str]:
        """Returns the ids of conversations that have subscribers."""
        return self._by_conversation.keys()

    def user_ids(self) -> list[int]:
        """Returns the ids of users who have connections."""
        return self._by_user.keys()

    def connection_count(self, user_id: int) -> int:
        return len(self._by_user.get(user_id))

    def run_started(self, run: LiveRun, question: Question | None = None) -> None:
        """Notifies the subscribers of the conversation, who ignore a run that they know already. `question` is the user
        message if it was stored with this run."""
        for listener in self._by_conversation.get(run.identity.conversation_id):
            listener.run_started(run, question)

    def conversation_changed(self, conversation: Conversation) -> None:
        """Notifies the connections of the owner."""
        for listener in self._by_user.get(conversation.owner_id):
            listener.conversation_changed(conversation)

    def conversation_deleted(self, user_id: int, conversation_id: str) -> None:
        """Notifies the connections of the owner, and ends their subscriptions."""
        for listener in self._by_user.get(user_id):
            listener.conversation_deleted(conversation_id)
            self.unsubscribe(conversation_id, listener)

    def conversation_gone(self, conversation_id: str) -> None:
        """Notifies the subscribers of a conversation that was deleted without a notification."""
        for listener in self._by_conversation.get(conversation_id):
            listener.conversation_deleted(conversation_id)
            self.unsubscribe(conversation_id, listener)

    async def close_all(self, seconds: float) -> None:
        """Closes every connection after it was sent what is queued for it. Waits for at most so many seconds."""
        self.is_closed = True
        if closing := [listener.close_for_restart() for listener in self._by_user.listeners()]:
            await asyncio.wait(closing, timeout=seconds)

    def close_followers(self, conversation_id: str) -> None:
        """Closes the connections that follow the conversation, so that they reconnect."""
        for listener in self._by_conversation.get(conversation_id):
            listener.close_for_restart()
