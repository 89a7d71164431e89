"""Exchanges messages with the other processes that serve the same conversations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine
from typing import Any, Protocol, TypeVar

from conversations.db.readers import Readers
from conversations.db.threads import DatabaseUnavailable
from conversations.models import Conversation, Run
from conversations.queries.catch_up import (
    RunSnapshot,
    StartedRun,
    load_conversation,
    load_missed_changes,
    load_run_snapshots,
    load_started_run,
)
from conversations.runner.cluster.inbox import Inbox, PeerMessage
from conversations.runner.cluster.links import Links
from conversations.runner.cluster.replicas import Replicas
from conversations.runner.subscribers import Subscribers
from conversations.runs.live import LiveRun

Spawn = Callable[[Coroutine[Any, Any, Any]], object]
T = TypeVar("T")

SLACK = 10.0
"""Seconds by which the clocks of two machines may differ."""


class Home(Protocol):
    """What is needed of the runner of this process."""

    def find(self, run_id: str) -> tuple[LiveRun, int] | None: ...

    def follow(self, run: Run, stored: LiveRun) -> LiveRun | None: ...

    def cancel(self, run_id: str) -> None: ...

    def cancel_in(self, conversation_id: str) -> None: ...

    async def claim_expired_runs(self) -> None: ...


class Peers:
    """The other processes. Messages may be lost: `maintain`, called every second, finds out what was missed."""

    def __init__(self, inbox: Inbox, readers: Readers, subscribers: Subscribers, home: Home, spawn: Spawn) -> None:
        self._inbox = inbox
        self._readers = readers
        self._subscribers = subscribers
        self._home = home
        self._spawn = spawn
        self._missing = 0.0
        self._links = Links(inbox, home.find, spawn)
        self.replicas = Replicas(inbox, self._look, self._run_deleted, spawn)

    def start(self) -> None:
        self._inbox.listen(self._take, self._note_missing)

    async def stop(self, within: float) -> None:
        """Delivers what is waiting, for at most `within` seconds, and closes the inbox."""
        await self._links.wait_until_delivered(within)
        self._links.close()
        await self._inbox.close()

    async def maintain(self) -> None:
        if self._missing:
            await self._catch_up()
        await self.replicas.maintain()

    def run_started(self, run: Run) -> None:
        self._tell("run.started", run_id=str(run.pk), user_id=run.user_id, conversation_id=str(run.conversation_id))

    def conversation_changed(self, conversation: Conversation) -> None:
        self._tell("conversation.changed", user_id=conversation.owner_id, conversation_id=str(conversation.pk))

    def conversation_deleted(self, user_id: int, conversation_id: str) -> None:
        self._tell("conversation.deleted", user_id=user_id, conversation_id=conversation_id)

    def cancel(self, run_id: str) -> None:
        self._tell("run.cancel", run_id=run_id)

    async def runs_handed_over(self) -> None:
        await self._inbox.broadcast({"type": "runs.free"})

    def _tell(self, kind: str, **what: Any) -> None:
        self._spawn(self._inbox.broadcast({"type": kind, **what}))

    def _take(self, message: PeerMessage) -> None:
        match message["type"]:
            case "link.news" | "link.unknown":
                self.replicas.take(message)
            case "link.watch" | "link.taken":
                self._links.take(message)
            case "run.started":
                self._spawn(self._begun(message))
            case "conversation.changed":
                self._spawn(self._changed(message["user_id"], message["conversation_id"]))
            case "conversation.deleted":
                self._home.cancel_in(message["conversation_id"])
                self._subscribers.conversation_deleted(message["user_id"], message["conversation_id"])
            case "run.cancel":
                self._home.cancel(message["run_id"])
            case "runs.free":
                self._spawn(self._home.claim_expired_runs())

    async def _begun(self, message: PeerMessage) -> None:
        if self._subscribers.is_followed(message["conversation_id"]):
            begun = await self._read(load_started_run, message["run_id"])
            if begun is not None:
                self._show(begun)
        await self._changed(message["user_id"], message["conversation_id"])

    def _show(self, begun: StartedRun) -> None:
        run, live = begun.snapshot.run, begun.snapshot.stored
        followed = self._home.follow(run, live) if run.status in Run.LIVE else live
        if followed is not None:
            self._subscribers.run_started(followed, begun.question)

    async def _changed(self, user_id: int, conversation_id: str) -> None:
        if not self._subscribers.connections(user_id):
            return
        conversation = await self._read(load_conversation, conversation_id)
        if conversation is not None:
            self._subscribers.conversation_changed(conversation)

    def _run_deleted(self, run: LiveRun) -> None:
        if self._subscribers.is_followed(run.identity.conversation_id):  # otherwise they were notified already
            self._subscribers.conversation_deleted(run.identity.user_id, run.identity.conversation_id)

    async def _read(self, query: Callable[[str], T], which: str) -> T | None:
        try:
            return await self._readers.run(query, which)
        except DatabaseUnavailable:
            self._note_missing(SLACK)
            return None

    def _note_missing(self, seconds: float) -> None:
        self._missing += seconds

    async def _catch_up(self) -> None:
        """Notifies the connections of this process of what they missed while messages or the database were away."""
        followed, seconds = self._subscribers.followed(), self._missing + SLACK
        self._missing = 0.0
        try:
            missed = await self._readers.run(load_missed_changes, followed, self._subscribers.people(), seconds)
        except DatabaseUnavailable:
            self._note_missing(seconds)
            return
        for begun in missed.runs:
            self._show(begun)
        for conversation_id in missed.deleted_ids:
            self._subscribers.conversation_gone(conversation_id)
        for conversation in missed.conversations:
            self._subscribers.conversation_changed(conversation)
        await self.replicas.refresh_all()

    async def _look(self, run_ids: Collection[str]) -> dict[str, RunSnapshot]:
        return await self._readers.run(load_run_snapshots, run_ids)
