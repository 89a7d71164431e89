"""Replicas of live runs of other processes that somebody here follows."""

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
"""Seconds without a message, after which the run is read from the database."""
UNFOLLOWED_TIMEOUT = 10.0
"""Seconds that a replica is kept without a follower."""
DELETED = Outcome("cancelled", finish_reason="cancelled")


@dataclass(slots=True)
class Replica:
    """A copy of a live run.

    `number` is the number of the owner's last message; `is_begun` is set when the requested changes have started to
    come; `missed` is when a message was found missing the last time.
    """

    live: LiveRun
    owner: str | None
    attempt: int
    number: int = 0
    is_begun: bool = False
    heard: float = field(default_factory=time.monotonic)
    followed: float = field(default_factory=time.monotonic)
    missed: float = float("-inf")

    def learn(self, owner: str | None, attempt: int) -> bool:
        """Notes who owns the run. Returns whether that is new; an older attempt is ignored."""
        if attempt < self.attempt or (owner, attempt) == (self.owner, self.attempt):
            return False
        if attempt > self.attempt:
            self.number = 0
        self.owner, self.attempt, self.is_begun = owner, attempt, False
        return True

    def take(self, number: int, news: dict[str, Any]) -> bool:
        """Applies the changes of a message. Returns False if something is missing and must be requested now.

        A late or repeated message changes nothing, nor does one that was sent before the whole run was requested.
        """
        if news["attempt"] < self.attempt or number <= self.number or not (self.is_begun or news["after"] == 0):
            return True
        after, self.number, self.heard = self.number, number, time.monotonic()
        try:
            if news["after"] not in (0, after):
                raise GapError
            for change in news["changes"]:
                apply_change(self.live, change)
        except GapError:
            self.is_begun = False
            before, self.missed = self.missed, self.heard
            return self.heard - before < SILENCE_TIMEOUT  # two processes that disagree do not flood each other
        self.is_begun = True
        return True


class Replicas:
    """All replicas of this process. `look` reads snapshots of runs; `on_deleted` gets a deleted run after its end."""

    def __init__(
        self,
        inbox: Inbox,
        look: Callable[[Collection[str]], Awaitable[dict[str, RunSnapshot]]],
        on_deleted: Callable[[LiveRun], None],
        spawn: Callable[[Coroutine[Any, Any, Any]], object],
    ) -> None:
        self._inbox = inbox
        self._look = look
        self._on_deleted = on_deleted
        self._spawn = spawn
        self._replicas: dict[str, Replica] = {}
        self._by_conversation: dict[str, Replica] = {}

    def live_in(self, conversation_id: str) -> LiveRun | None:
        replica = self._by_conversation.get(conversation_id)
        return replica.live if replica else None

    def follow(self, run: Run, stored: LiveRun) -> LiveRun:
        """Returns the replica of a run, made from `stored` if there is none yet."""
        replica = self._replicas.get(str(run.pk))
        if replica is None:
            replica = self._add(run, stored)
            self._ask([replica])
        elif replica.learn(run.owner, run.attempt):
            self._ask([replica])
        return replica.live

    def follow_elsewhere(self, run: Run, live: LiveRun) -> None:
        """Follows a run of this process that another one has taken over."""
        self._add(run, live).owner = None
        self._spawn(self._refresh([live.identity.run_id]))

    def adopt(self, run_id: str) -> LiveRun | None:
        """Returns the replica for this process to go on with as owner, and forgets it."""
        replica = self._replicas.get(run_id)
        if replica is None:
            return None
        self._drop(replica)
        return replica.live

    def take(self, message: PeerMessage) -> None:
        """Handles a message of type link.news or link.unknown."""
        if message["type"] == "link.news":
            self._take_news(message["from"], message["number"], message["runs"])
        else:
            known = [self._replicas[run_id] for run_id in message["runs"] if run_id in self._replicas]
            asked = [replica.live.identity.run_id for replica in known if replica.owner == message["from"]]
            self._spawn(self._refresh(asked, asks_again=False))

    async def maintain(self) -> None:
        """Drops replicas without followers, and reads the runs that are silent from the database."""
        now = time.monotonic()
        for replica in list(self._replicas.values()):
            if replica.live.is_followed:
                replica.followed = now
            elif now - replica.followed > UNFOLLOWED_TIMEOUT:
                self._drop(replica)
        await self._refresh(
            [run_id for run_id, replica in self._replicas.items() if now - replica.heard > SILENCE_TIMEOUT]
        )

    async def refresh_all(self) -> None:
        """Reads all runs from the database, as messages may have been lost."""
        await self._refresh(list(self._replicas))

    def _add(self, run: Run, live: LiveRun) -> Replica:
        replica = Replica(live, run.owner, run.attempt)
        before = self._by_conversation.get(live.identity.conversation_id)
        if before is not None and before.live is not live:  # it has ended, but its end has not come
            self._spawn(self._refresh([before.live.identity.run_id]))
        self._replicas[live.identity.run_id] = self._by_conversation[live.identity.conversation_id] = replica
        return replica

    def _take_news(self, address: str, number: int, runs: dict[str, Any]) -> None:
        unwanted = [run_id for run_id, news in runs.items() if not self._wants(run_id, address, news["attempt"])]
        answer = {"type": "link.taken", "number": number, "unwanted": unwanted}
        self._spawn(self._inbox.send(address, answer))
        gaps = []
        for run_id in runs.keys() - set(unwanted):
            replica = self._replicas[run_id]
            if not replica.take(number, runs[run_id]):
                gaps.append(replica)
            elif replica.live.outcome is not None:
                self._drop(replica)
        self._ask(gaps)

    def _wants(self, run_id: str, address: str, attempt: int) -> bool:
        replica = self._replicas.get(run_id)
        if replica is None or attempt < replica.attempt:
            return False
        if attempt > replica.attempt:
            replica.learn(address, attempt)
        return True

    async def _refresh(self, run_ids: Collection[str], *, asks_again: bool = True) -> None:
        if not run_ids:
            return
        try:
            found = await self._look(run_ids)
        except DatabaseUnavailable:
            return  # they stay silent, and are read again later
        replicas = [self._replicas[run_id] for run_id in run_ids if run_id in self._replicas]
        self._ask([m for m in replicas if self._is_to_be_asked_for(m, found, asks_again)])

    def _is_to_be_asked_for(self, replica: Replica, found: dict[str, RunSnapshot], asks_again: bool) -> bool:
        snapshot = found.get(replica.live.identity.run_id)
        if snapshot is None:
            self._finish(replica, DELETED)
            self._on_deleted(replica.live)
        elif snapshot.stored.outcome is not None:
            replace_steps(replica.live, snapshot.stored.in_order())
            self._finish(replica, snapshot.stored.outcome)
        else:
            replica.heard = time.monotonic()
            return replica.learn(snapshot.run.owner, snapshot.run.attempt) or asks_again
        return False

    def _finish(self, replica: Replica, outcome: Outcome) -> None:
        replica.live.end(outcome)
        self._drop(replica)

    def _ask(self, replicas: Iterable[Replica]) -> None:
        """Requests the runs from their owners: from the first step, or whether their changes still come."""
        asked: defaultdict[str, dict[str, bool]] = defaultdict(dict)
        for replica in replicas:
            if replica.owner is not None:
                asked[replica.owner][replica.live.identity.run_id] = not replica.is_begun
        for owner, runs in asked.items():
            self._spawn(self._inbox.send(owner, {"type": "link.watch", "runs": runs}))

    def _drop(self, replica: Replica) -> None:
        identity = replica.live.identity
        self._replicas.pop(identity.run_id, None)
        if self._by_conversation.get(identity.conversation_id) is replica:
            del self._by_conversation[identity.conversation_id]
