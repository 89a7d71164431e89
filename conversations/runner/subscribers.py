"""Who is to be told what in this process: connections by person, and by the conversation that they follow."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Generic, Protocol, TypeVar

from conversations.models import Conversation, Message
from conversations.runs.live import LiveRun

Question = tuple[Message, list[str]]
"""With the ids of its versions."""


class Listener(Protocol):
    """A connection. Nothing here waits: what is told is sent later, in order."""

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
    """`is_closed`: nobody joins any more, as the server is about to end."""

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
        """Conversations that somebody here follows."""
        return self._conversations.keys()

    def people(self) -> list[int]:
        """Users who are connected here."""
        return self._people.keys()

    def connections(self, user_id: int) -> int:
        return len(self._people.of(user_id))

    def subscribe(self, conversation_id: str, listener: Listener) -> None:
        self._conversations.add(conversation_id, listener)

    def unsubscribe(self, conversation_id: str, listener: Listener) -> None:
        self._conversations.remove(conversation_id, listener)

    def run_started(self, run: LiveRun, question: Question | None = None) -> None:
        """`question` if it was asked with this run. Who was told before is not told again."""
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
        """It was deleted, we do not know when: tells those who follow it."""
        for listener in self._conversations.of(conversation_id):
            listener.conversation_deleted(conversation_id)
            self.unsubscribe(conversation_id, listener)

    async def restarting(self, within: float) -> None:
        """Closes every connection, which waits until each has been told what there is for it, for so many seconds."""
        self.is_closed = True
        if closing := [listener.restarting() for listener in self._people.everyone()]:
            await asyncio.wait(closing, timeout=within)

    def send_away(self, conversation_id: str) -> None:
        """Closes the connections that follow the conversation, for them to come again."""
        for listener in self._conversations.of(conversation_id):
            listener.restarting()
