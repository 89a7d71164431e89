"""Replicas of runs that other processes own, for the clients that follow them in this process."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from conversations.db.threads import DatabaseUnavailable
from conversations.models import Run
from conversations.queries.catch_up import RunSnapshot
from conversations.runner.cluster.inbox import Inbox, PeerMessage
from conversations.runs.codec import GapError, apply_change, replace_steps
from conversations.runs.live import LiveRun, Outcome

SILENCE_TIMEOUT = 3.0
"""Seconds without an update, after which a run's row is read."""
UNFOLLOWED_TIMEOUT = 10.0
"""Seconds for which a replica is kept without followers."""
DELETED = Outcome("cancelled", finish_reason="cancelled")


@dataclass(slots=True)
class Replica:
    """A copy of a run, kept equal to its owner's by updates.

    `number` is that of the owner's last update. `is_synced`: updates have come since the run was last requested from
    its start. `updated_at`, `followed_at` and `gap_at` (of the last missing update) are on the monotonic clock.
    """

    live: LiveRun
    owner: str | None
    attempt: int
    number: int = 0
    is_synced: bool = False
    updated_at: float = field(default_factory=time.monotonic)
    followed_at: float = field(default_factory=time.monotonic)
    gap_at: float = float("-inf")

    def set_owner(self, owner: str | None, attempt: int) -> bool:
        """Ignores an earlier attempt than the known one. Returns whether anything changed."""
        if attempt < self.attempt or (owner, attempt) == (self.owner, self.attempt):
            return False
        if attempt > self.attempt:
            self.number = 0
        self.owner, self.attempt, self.is_synced = owner, attempt, False
        return True

    def apply(self, number: int, update: dict[str, Any]) -> bool:
        """Applies an update of the owner. Returns False if something is missing and the run is to be requested again.

        Ignores late and repeated updates, and those that were sent before the run was requested from its start.
        """
        if update["attempt"] < self.attempt or number <= self.number or not (self.is_synced or update["previous"] == 0):
            return True
        last_number, self.number, self.updated_at = self.number, number, time.monotonic()
        try:
            if update["previous"] not in (0, last_number):
                raise GapError
            for change in update["changes"]:
                apply_change(self.live, change)
        except GapError:
            self.is_synced = False
            last_gap_at, self.gap_at = self.gap_at, self.updated_at
            # Requests at most once per SILENCE_TIMEOUT: processes of different versions may never get on.
            return self.updated_at - last_gap_at < SILENCE_TIMEOUT
        self.is_synced = True
        return True


class Replicas:
    """The replicas of this process. `read_snapshots` reads runs by their ids; `on_deleted` is called with a run that
    was deleted, after it has ended."""

    def __init__(
        self,
        inbox: Inbox,
        read_snapshots: Callable[[Collection[str]], Awaitable[dict[str, RunSnapshot]]],
        on_deleted: Callable[[LiveRun], None],
        spawn: Callable[[Coroutine[Any, Any, Any]], object],
    ) -> None:
        self._inbox = inbox
        self._read_snapshots = read_snapshots
        self._on_deleted = on_deleted
        self._spawn = spawn
        self._replicas: dict[str, Replica] = {}
        self._by_conversation: dict[str, Replica] = {}

    def live_in(self, conversation_id: str) -> LiveRun | None:
        replica = self._by_conversation.get(conversation_id)
        return replica.live if replica else None

    def follow(self, run: Run, stored: LiveRun) -> LiveRun:
        """Returns the replica's run. If there is no replica yet, `stored` becomes one, until the owner sends more."""
        replica = self._replicas.get(str(run.pk))
        if replica is None:
            replica = self._add(run, stored)
            self._watch([replica])
        elif replica.set_owner(run.owner, run.attempt):
            self._watch([replica])
        return replica.live

    def follow_elsewhere(self, run: Run, live: LiveRun) -> None:
        """Makes a replica of a run of this process that another one has taken over."""
        self._add(run, live).owner = None
        self._spawn(self._refresh([live.identity.run_id]))

    def adopt(self, run_id: str) -> LiveRun | None:
        """Returns the replica's run for this process to own, and drops the replica. None if there is none."""
        replica = self._replicas.get(run_id)
        if replica is None:
            return None
        self._drop(replica)
        return replica.live

    def receive(self, message: PeerMessage) -> None:
        """Handles a message of type link.update or link.unknown."""
        if message["type"] == "link.update":
            self._receive_update(message["from"], message["number"], message["runs"])
        else:
            known = [self._replicas[run_id] for run_id in message["runs"] if run_id in self._replicas]
            run_ids = [replica.live.identity.run_id for replica in known if replica.owner == message["from"]]
            self._spawn(self._refresh(run_ids, watch_again=False))

    async def maintain(self) -> None:
        """Drops replicas that nobody follows, and reads the rows of those without recent updates. To be called about
        once a second."""
        now = time.monotonic()
        for replica in list(self._replicas.values()):
            if replica.live.is_followed:
                replica.followed_at = now
            elif now - replica.followed_at > UNFOLLOWED_TIMEOUT:
                self._drop(replica)
        silent = [run_id for run_id, replica in self._replicas.items() if now - replica.updated_at > SILENCE_TIMEOUT]
        await self._refresh(silent)

    async def refresh_all(self) -> None:
        """For when messages may have been lost."""
        await self._refresh(list(self._replicas))

    def _add(self, run: Run, live: LiveRun) -> Replica:
        replica = Replica(live, run.owner, run.attempt)
        before = self._by_conversation.get(live.identity.conversation_id)
        if before is not None and before.live is not live:  # it has ended, but the update that says so is missing
            self._spawn(self._refresh([before.live.identity.run_id]))
        self._replicas[live.identity.run_id] = self._by_conversation[live.identity.conversation_id] = replica
        return replica

    def _receive_update(self, address: str, number: int, runs: dict[str, Any]) -> None:
        unwanted = [run_id for run_id, update in runs.items() if not self._wants(run_id, address, update["attempt"])]
        self._spawn(self._inbox.send(address, {"type": "link.ack", "number": number, "unwanted": unwanted}))
        incomplete = []
        for run_id in runs.keys() - set(unwanted):
            replica = self._replicas[run_id]
            if not replica.apply(number, runs[run_id]):
                incomplete.append(replica)
            elif replica.live.outcome is not None:
                self._drop(replica)
        self._watch(incomplete)

    def _wants(self, run_id: str, address: str, attempt: int) -> bool:
        """Whether there is a replica for the update. A later attempt than the known one makes the sender its owner."""
        replica = self._replicas.get(run_id)
        if replica is None or attempt < replica.attempt:
            return False
        if attempt > replica.attempt:
            replica.set_owner(address, attempt)
        return True

    async def _refresh(self, run_ids: Collection[str], *, watch_again: bool = True) -> None:
        """Compares replicas with the database: ends those whose runs have ended, and watches the others at their new
        owners; with `watch_again` also where the owner is the same."""
        if not run_ids:
            return
        try:
            snapshots = await self._read_snapshots(run_ids)
        except DatabaseUnavailable:
            return  # they stay silent, so this is repeated
        live = []
        for run_id in run_ids:
            if (replica := self._replicas.get(run_id)) is None:
                continue
            snapshot = snapshots.get(run_id)
            if snapshot is None:
                self._finish(replica, DELETED)
                self._on_deleted(replica.live)
            elif snapshot.stored.outcome is not None:
                replace_steps(replica.live, snapshot.stored.in_order())
                self._finish(replica, snapshot.stored.outcome)
            else:
                replica.updated_at = time.monotonic()
                if replica.set_owner(snapshot.run.owner, snapshot.run.attempt) or watch_again:
                    live.append(replica)
        self._watch(live)

    def _finish(self, replica: Replica, outcome: Outcome) -> None:
        replica.live.end(outcome)
        self._drop(replica)

    def _watch(self, replicas: Iterable[Replica]) -> None:
        """Requests updates from the owners: from the start of a run, or if it is synced, only that they go on."""
        requests: defaultdict[str, dict[str, bool]] = defaultdict(dict)
        for replica in replicas:
            if replica.owner is not None:
                requests[replica.owner][replica.live.identity.run_id] = not replica.is_synced
        for owner, runs in requests.items():
            self._spawn(self._inbox.send(owner, {"type": "link.watch", "runs": runs}))

    def _drop(self, replica: Replica) -> None:
        identity = replica.live.identity
        self._replicas.pop(identity.run_id, None)
        if self._by_conversation.get(identity.conversation_id) is replica:
            del self._by_conversation[identity.conversation_id]
