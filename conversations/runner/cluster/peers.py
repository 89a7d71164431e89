"""The other processes that serve the same conversations: what they tell us, and what we tell them."""

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
from conversations.runner.cluster.inbox import Inbox, Mail
from conversations.runner.cluster.links import Links
from conversations.runner.cluster.replicas import Replicas
from conversations.runner.subscribers import Subscribers
from conversations.runs.live import LiveRun

Spawn = Callable[[Coroutine[Any, Any, Any]], object]
T = TypeVar("T")

SLACK = 10.0
"""Seconds by which the clocks of two machines may differ."""


class Home(Protocol):
    """The runner of this process."""

    def find(self, run_id: str) -> tuple[LiveRun, int] | None: ...

    def follow(self, run: Run, stored: LiveRun) -> LiveRun | None: ...

    def cancel(self, run_id: str) -> None: ...

    def cancel_in(self, conversation_id: str) -> None: ...

    async def claim_expired_runs(self) -> None: ...


class Peers:
    """Mail may be lost. What follows from it is found out later then: `look_after` is to be called every second."""

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
        """Tells others what there is for them, for so many seconds at most."""
        await self._links.all_told(within)
        self._links.close()
        await self._inbox.close()

    async def look_after(self) -> None:
        if self._missing:
            await self._catch_up()
        await self.replicas.look_after()

    def run_begun(self, run: Run) -> None:
        self._tell("run.begun", run_id=str(run.pk), user_id=run.user_id, conversation_id=str(run.conversation_id))

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

    def _take(self, mail: Mail) -> None:
        match mail["type"]:
            case "link.news" | "link.unknown":
                self.replicas.take(mail)
            case "link.watch" | "link.taken":
                self._links.take(mail)
            case "run.begun":
                self._spawn(self._begun(mail))
            case "conversation.changed":
                self._spawn(self._changed(mail["user_id"], mail["conversation_id"]))
            case "conversation.deleted":
                self._home.cancel_in(mail["conversation_id"])
                self._subscribers.conversation_deleted(mail["user_id"], mail["conversation_id"])
            case "run.cancel":
                self._home.cancel(mail["run_id"])
            case "runs.free":
                self._spawn(self._home.claim_expired_runs())

    async def _begun(self, mail: Mail) -> None:
        if self._subscribers.is_followed(mail["conversation_id"]):
            begun = await self._read(load_started_run, mail["run_id"])
            if begun is not None:
                self._show(begun)
        await self._changed(mail["user_id"], mail["conversation_id"])

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
        if self._subscribers.is_followed(run.identity.conversation_id):  # else they have been told
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
        """Tells those who are connected here what they were not told, as mail or the database was away."""
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
        await self.replicas.look_at_all()

    async def _look(self, run_ids: Collection[str]) -> dict[str, RunSnapshot]:
        return await self._readers.run(load_run_snapshots, run_ids)
