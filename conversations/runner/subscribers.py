"""The connections of this process, by user and by the conversations that they are subscribed to."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Generic, Protocol, TypeVar

from conversations.models import Conversation, Message
from conversations.runs.live import LiveRun

Question = tuple[Message, list[str]]
"""A user message, and the ids of its versions."""


class Listener(Protocol):
    """A connection. Its methods never wait: they queue what is to be sent."""

    user_id: int

    def run_started(self, run: LiveRun, question: Question | None = None) -> None: ...

    def conversation_changed(self, conversation: Conversation) -> None: ...

    def conversation_deleted(self, conversation_id: str) -> None: ...

    def restarting(self) -> asyncio.Task[None]: ...


K = TypeVar("K")


class _Groups(Generic[K]):
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

    def everyone(self) -> list[Listener]:
        return [listener for members in self._members.values() for listener in members]

    def keys(self) -> list[K]:
        return list(self._members)

    def of(self, key: K) -> list[Listener]:
        return list(self._members.get(key, ()))


class Subscribers:
    """All connections. `is_closed` is set when the server stops: no connection is accepted any more."""

    def __init__(self) -> None:
        self.is_closed = False
        self._people: _Groups[int] = _Groups()
        self._conversations: _Groups[str] = _Groups()

    def join(self, listener: Listener) -> None:
        self._people.add(listener.user_id, listener)

    def leave(self, listener: Listener) -> None:
        self._people.remove(listener.user_id, listener)

    def is_followed(self, conversation_id: str) -> bool:
        return bool(self._conversations.of(conversation_id))

    def followed(self) -> list[str]:
        """Returns the ids of the conversations with subscribers here."""
        return self._conversations.keys()

    def people(self) -> list[int]:
        """Returns the ids of the users with connections here."""
        return self._people.keys()

    def connections(self, user_id: int) -> int:
        return len(self._people.of(user_id))

    def subscribe(self, conversation_id: str, listener: Listener) -> None:
        self._conversations.add(conversation_id, listener)

    def unsubscribe(self, conversation_id: str, listener: Listener) -> None:
        self._conversations.remove(conversation_id, listener)

    def run_started(self, run: LiveRun, question: Question | None = None) -> None:
        """Notifies the subscribers of a run, with its question if that is new. Nobody is notified twice."""
        for listener in self._conversations.of(run.identity.conversation_id):
            listener.run_started(run, question)

    def conversation_changed(self, conversation: Conversation) -> None:
        for listener in self._people.of(conversation.owner_id):
            listener.conversation_changed(conversation)

    def conversation_deleted(self, user_id: int, conversation_id: str) -> None:
        for listener in self._people.of(user_id):
            listener.conversation_deleted(conversation_id)
            self.unsubscribe(conversation_id, listener)

    def conversation_gone(self, conversation_id: str) -> None:
        """Notifies the subscribers of a conversation that turned out to be deleted."""
        for listener in self._conversations.of(conversation_id):
            listener.conversation_deleted(conversation_id)
            self.unsubscribe(conversation_id, listener)

    async def restarting(self, within: float) -> None:
        """Closes all connections, each after what is queued for it was sent, within so many seconds."""
        self.is_closed = True
        if closing := [listener.restarting() for listener in self._people.everyone()]:
            await asyncio.wait(closing, timeout=within)

    def close_followers(self, conversation_id: str) -> None:
        """Closes the subscribers' connections, so that they reconnect."""
        for listener in self._conversations.of(conversation_id):
            listener.restarting()
