"""The other processes that serve the same conversations: notifies them, and handles their notifications."""

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

T = TypeVar("T")

CLOCK_TOLERANCE = 10.0
"""Seconds by which the clocks of two machines may differ."""


class LocalRuns(Protocol):
    """The methods of this process's runner that other processes reach."""

    def find(self, run_id: str) -> tuple[LiveRun, int] | None: ...

    def follow(self, run: Run, stored: LiveRun) -> LiveRun | None: ...

    def cancel(self, run_id: str) -> None: ...

    def cancel_in(self, conversation_id: str) -> None: ...

    async def claim_expired_runs(self) -> None: ...


class Peers:
    """Sends notifications to all other processes, and passes theirs on to this one's runs and subscribers.

    Messages may be lost, so `maintain`, to be called about once a second, reads what was missed from the database.
    """

    def __init__(
        self,
        inbox: Inbox,
        readers: Readers,
        subscribers: Subscribers,
        runs: LocalRuns,
        spawn: Callable[[Coroutine[Any, Any, Any]], object],
    ) -> None:
        self._inbox = inbox
        self._readers = readers
        self._subscribers = subscribers
        self._runs = runs
        self._spawn = spawn
        self._outage = 0.0
        """Seconds in which notifications may have been missed that `maintain` has not made up for yet."""
        self._links = Links(inbox, runs.find, spawn)
        self.replicas = Replicas(inbox, self._read_snapshots, self._run_deleted, spawn)

    def start(self) -> None:
        self._inbox.listen(self._receive, self._add_outage)

    async def stop(self, seconds: float) -> None:
        """Sends the processes that watch runs what is left, for at most so many seconds, and closes the inbox."""
        await self._links.wait_until_delivered(seconds)
        self._links.close()
        await self._inbox.close()

    async def maintain(self) -> None:
        """Notifies subscribers of what they missed during an outage, and refreshes replicas without updates."""
        if self._outage:
            await self._notify_missed()
        await self.replicas.maintain()

    def run_started(self, run: Run) -> None:
        self._notify("run.started", run_id=str(run.pk), user_id=run.user_id, conversation_id=str(run.conversation_id))

    def conversation_changed(self, conversation: Conversation) -> None:
        self._notify("conversation.changed", user_id=conversation.owner_id, conversation_id=str(conversation.pk))

    def conversation_deleted(self, user_id: int, conversation_id: str) -> None:
        self._notify("conversation.deleted", user_id=user_id, conversation_id=conversation_id)

    def cancel(self, run_id: str) -> None:
        self._notify("run.cancel", run_id=run_id)

    async def runs_handed_over(self) -> None:
        await self._inbox.broadcast({"type": "runs.handed_over"})

    def _notify(self, kind: str, **params: Any) -> None:
        self._spawn(self._inbox.broadcast({"type": kind, **params}))

    def _receive(self, message: PeerMessage) -> None:
        match message["type"]:
            case "link.update" | "link.unknown":
                self.replicas.receive(message)
            case "link.watch" | "link.ack":
                self._links.receive(message)
            case "run.started":
                self._spawn(self._receive_run_started(message))
            case "conversation.changed":
                self._spawn(self._notify_changed(message["user_id"], message["conversation_id"]))
            case "conversation.deleted":
                self._runs.cancel_in(message["conversation_id"])
                self._subscribers.conversation_deleted(message["user_id"], message["conversation_id"])
            case "run.cancel":
                self._runs.cancel(message["run_id"])
            case "runs.handed_over":
                self._spawn(self._runs.claim_expired_runs())

    async def _receive_run_started(self, message: PeerMessage) -> None:
        if self._subscribers.is_followed(message["conversation_id"]):
            started = await self._read(load_started_run, message["run_id"])
            if started is not None:
                self._notify_started(started)
        await self._notify_changed(message["user_id"], message["conversation_id"])

    def _notify_started(self, started: StartedRun) -> None:
        run, stored = started.snapshot.run, started.snapshot.stored
        live = self._runs.follow(run, stored) if run.status in Run.LIVE else stored
        if live is not None:
            self._subscribers.run_started(live, started.question)

    async def _notify_changed(self, user_id: int, conversation_id: str) -> None:
        if self._subscribers.connection_count(user_id):
            conversation = await self._read(load_conversation, conversation_id)
            if conversation is not None:
                self._subscribers.conversation_changed(conversation)

    def _run_deleted(self, run: LiveRun) -> None:
        if self._subscribers.is_followed(run.identity.conversation_id):  # else the notification has arrived
            self._subscribers.conversation_deleted(run.identity.user_id, run.identity.conversation_id)

    async def _read(self, query: Callable[[str], T], object_id: str) -> T | None:
        """Runs the query; if the database is unavailable, returns None and leaves the rest to `maintain`."""
        try:
            return await self._readers.run(query, object_id)
        except DatabaseUnavailable:
            self._add_outage(CLOCK_TOLERANCE)
            return None

    def _add_outage(self, seconds: float) -> None:
        self._outage += seconds

    async def _notify_missed(self) -> None:
        seconds, self._outage = self._outage + CLOCK_TOLERANCE, 0.0
        conversation_ids, user_ids = self._subscribers.conversation_ids(), self._subscribers.user_ids()
        try:
            missed = await self._readers.run(load_missed_changes, conversation_ids, user_ids, seconds)
        except DatabaseUnavailable:
            self._add_outage(seconds)
            return
        for started in missed.runs:
            self._notify_started(started)
        for conversation_id in missed.deleted_ids:
            self._subscribers.conversation_gone(conversation_id)
        for conversation in missed.conversations:
            self._subscribers.conversation_changed(conversation)
        await self.replicas.refresh_all()

    async def _read_snapshots(self, run_ids: Collection[str]) -> dict[str, RunSnapshot]:
        return await self._readers.run(load_run_snapshots, run_ids)
