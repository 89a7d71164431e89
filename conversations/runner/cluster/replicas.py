"""Runs that other processes make and somebody here follows: each a LiveRun that is kept like the owner's."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from conversations.db.threads import DatabaseUnavailable
from conversations.models import Run
from conversations.queries.catch_up import RunSnapshot
from conversations.runner.cluster.inbox import Inbox, Mail
from conversations.runs.codec import GapError, bring, unpack
from conversations.runs.live import LiveRun, Outcome

SILENCE = 3.0
"""Seconds without news, after which we look how a run stands."""
UNFOLLOWED = 10.0
"""Seconds for which a run is kept that nobody follows."""
DELETED = Outcome("cancelled", finish_reason="cancelled")


@dataclass(slots=True)
class Replica:
    """`number` is of the owner's last mail; `is_begun`: what was asked for has begun to come; `missed`: when something
    was missing, the last time."""

    live: LiveRun
    owner: str | None
    attempt: int
    number: int = 0
    is_begun: bool = False
    heard: float = field(default_factory=time.monotonic)
    followed: float = field(default_factory=time.monotonic)
    missed: float = float("-inf")

    def learn(self, owner: str | None, attempt: int) -> bool:
        """Who makes the run; whether that is new. What is older than what we know says nothing."""
        if attempt < self.attempt or (owner, attempt) == (self.owner, self.attempt):
            return False
        if attempt > self.attempt:
            self.number = 0
        self.owner, self.attempt, self.is_begun = owner, attempt, False
        return True

    def take(self, number: int, news: dict[str, Any]) -> bool:
        """Brings the run to where a mail of its owner leads; false if something is missing and to be asked for now.

        What comes late or again changes nothing, nor does what was sent before we asked for the whole.
        """
        if news["attempt"] < self.attempt or number <= self.number or not (self.is_begun or news["after"] == 0):
            return True
        after, self.number, self.heard = self.number, number, time.monotonic()
        try:
            if news["after"] not in (0, after):
                raise GapError
            for change in news["changes"]:
                unpack(self.live, change)
        except GapError:
            self.is_begun = False
            before, self.missed = self.missed, self.heard
            return self.heard - before < SILENCE  # so two who do not understand each other have their rest
        self.is_begun = True
        return True


class Replicas:
    """`look` reads how runs stand; `on_deleted` gets one that was deleted, after its end was told."""

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
        """The run as it is kept here from now on: from what is `stored` of it, if it was not kept already."""
        replica = self._replicas.get(str(run.pk))
        if replica is None:
            replica = self._add(run, stored)
            self._ask([replica])
        elif replica.learn(run.owner, run.attempt):
            self._ask([replica])
        return replica.live

    def go_on_with(self, run: Run, live: LiveRun) -> None:
        """Keeps a run that was made here until another process took it, as it goes on or has ended there."""
        self._add(run, live).owner = None
        self._spawn(self._look_at([live.identity.run_id]))

    def adopt(self, run_id: str) -> LiveRun | None:
        """The run as it is kept here, for this process to make it: it is no replica any more."""
        replica = self._replicas.get(run_id)
        if replica is None:
            return None
        self._drop(replica)
        return replica.live

    def take(self, mail: Mail) -> None:
        """Of type link.news or link.unknown."""
        if mail["type"] == "link.news":
            self._take_news(mail["from"], mail["number"], mail["runs"])
        else:
            known = [self._replicas[run_id] for run_id in mail["runs"] if run_id in self._replicas]
            asked = [replica.live.identity.run_id for replica in known if replica.owner == mail["from"]]
            self._spawn(self._look_at(asked, asks_again=False))

    async def look_after(self) -> None:
        """Lets go of what nobody follows, and looks how those stand of which nothing is heard."""
        now = time.monotonic()
        for replica in list(self._replicas.values()):
            if replica.live.is_followed:
                replica.followed = now
            elif now - replica.followed > UNFOLLOWED:
                self._drop(replica)
        await self._look_at([run_id for run_id, replica in self._replicas.items() if now - replica.heard > SILENCE])

    async def look_at_all(self) -> None:
        """When mail may have been lost."""
        await self._look_at(list(self._replicas))

    def _add(self, run: Run, live: LiveRun) -> Replica:
        replica = Replica(live, run.owner, run.attempt)
        before = self._by_conversation.get(live.identity.conversation_id)
        if before is not None and before.live is not live:  # its end is still to come, and is stored already
            self._spawn(self._look_at([before.live.identity.run_id]))
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

    async def _look_at(self, run_ids: Collection[str], *, asks_again: bool = True) -> None:
        if not run_ids:
            return
        try:
            found = await self._look(run_ids)
        except DatabaseUnavailable:
            return  # they stay silent, and are looked at again
        replicas = [self._replicas[run_id] for run_id in run_ids if run_id in self._replicas]
        self._ask([m for m in replicas if self._is_to_be_asked_for(m, found, asks_again)])

    def _is_to_be_asked_for(self, replica: Replica, found: dict[str, RunSnapshot], asks_again: bool) -> bool:
        snapshot = found.get(replica.live.identity.run_id)
        if snapshot is None:
            self._finish(replica, DELETED)
            self._on_deleted(replica.live)
        elif snapshot.stored.outcome is not None:
            bring(replica.live, snapshot.stored.in_order())
            self._finish(replica, snapshot.stored.outcome)
        else:
            replica.heard = time.monotonic()
            return replica.learn(snapshot.run.owner, snapshot.run.attempt) or asks_again
        return False

    def _finish(self, replica: Replica, outcome: Outcome) -> None:
        replica.live.end(outcome)
        self._drop(replica)

    def _ask(self, replicas: Iterable[Replica]) -> None:
        """For the whole run; if that has begun to come, whether it still does."""
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
