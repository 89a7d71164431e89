"""Sends what is new in this process's runs to the processes that watch them, over one link to each.

An update carries what is new in all the runs that the other process watches. The next one is sent when it has been
acknowledged; what happens in between waits, as for every follower of a run, as the difference to a cursor.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Collection, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

from conversations.runner.cluster.inbox import Inbox, PeerMessage
from conversations.runs.codec import encode_change
from conversations.runs.live import Cursor, LiveRun

logger = logging.getLogger(__name__)

ACKNOWLEDGE_TIMEOUT = 2.0
"""Seconds, after which an update is sent again."""
MAX_TRIES = 5
"""Times that an update is sent before the link is closed. The other process watches again if it is alive."""
MAX_UPDATE_CHARACTERS = 500_000
"""Characters of text in one update, exceeded by at most one change."""


@dataclass(slots=True)
class WatchedRun:
    """`last_update` is the number of the last update about the run, 0 before the first. `is_queried`: the other process
    asked whether it is still sent the run, so the next update mentions it even without changes."""

    cursor: Cursor
    attempt: int
    last_update: int = 0
    is_queried: bool = False

    @property
    def needs_update(self) -> bool:
        return self.is_queried or self.cursor.behind


class Link:
    """Sends updates to one process. Calls `on_end` when it watches no more runs, or no longer acknowledges updates.

    `numbers` counts all updates of this process, and an update says for each run which one it follows, so that the
    receiver detects late and missing ones.
    """

    def __init__(self, inbox: Inbox, address: str, numbers: Iterator[int], on_end: Callable[[str], None]) -> None:
        self._inbox = inbox
        self._address = address
        self._numbers = numbers
        self._on_end = on_end
        self._watched: dict[str, WatchedRun] = {}
        self._woken = asyncio.Event()
        self._idle = asyncio.Event()
        self._acknowledged = asyncio.Event()
        self._number = 0
        self._tries = 0
        self._task = asyncio.create_task(self._run())

    def watch(self, run: LiveRun, attempt: int, *, from_start: bool) -> None:
        """Sends the run from its first step, unless it is being sent already and `from_start` is false."""
        self._tries = 0  # the other process is alive
        known = self._watched.get(run.identity.run_id)
        if from_start or known is None or known.attempt != attempt:
            self.unwatch(run.identity.run_id)
            run.follow(self._woken.set)
            self._watched[run.identity.run_id] = WatchedRun(Cursor(run), attempt)
        else:
            known.is_queried = True
        self._woken.set()

    def unwatch(self, run_id: str) -> None:
        watched = self._watched.pop(run_id, None)
        if watched is not None:
            watched.cursor.run.unfollow(self._woken.set)

    def acknowledge(self, number: int, unwanted: Collection[str]) -> None:
        """Ignores acknowledgments of earlier updates. `unwanted` are the ids of runs to stop sending."""
        if number == self._number:
            for run_id in unwanted:
                self.unwatch(run_id)
            self._acknowledged.set()

    async def wait_until_delivered(self) -> None:
        """Waits until everything has been sent and acknowledged."""
        while not self._task.done() and (self._woken.is_set() or not self._idle.is_set()):
            await self._idle.wait()
            await asyncio.sleep(0)

    def close(self) -> None:
        self._task.cancel()
        self._unwatch_all()

    async def _run(self) -> None:
        try:
            while self._watched:
                await self._woken.wait()
                self._woken.clear()
                self._idle.clear()
                while update := self._next_update():
                    if not await self._send(update):
                        logger.info("a process that watched runs of this one no longer responds")
                        self._unwatch_all()
                        break
                self._idle.set()
        finally:
            self._idle.set()
            self._on_end(self._address)

    def _unwatch_all(self) -> None:
        for run_id in list(self._watched):
            self.unwatch(run_id)

    def _next_update(self) -> dict[str, Any]:
        """Returns the changes by run, as many as fit; a run that did not fit has its turn after the others."""
        update: dict[str, Any] = {}
        self._number = next(self._numbers)
        budget = MAX_UPDATE_CHARACTERS
        for run_id, watched in list(self._watched.items()):
            if budget <= 0:
                break
            if not watched.needs_update:
                continue
            changes, budget = _encode_changes(watched.cursor, budget)
            if changes or watched.is_queried:
                update[run_id] = {"attempt": watched.attempt, "previous": watched.last_update, "changes": changes}
                watched.last_update, watched.is_queried = self._number, False
            if watched.cursor.ended:
                self.unwatch(run_id)
            elif budget <= 0:
                self._watched[run_id] = self._watched.pop(run_id)
        return update

    async def _send(self, update: dict[str, Any]) -> bool:
        """Sends the update until it is acknowledged. Returns False if it is not after MAX_TRIES times."""
        self._acknowledged.clear()
        message = {"type": "link.update", "number": self._number, "runs": update}
        self._tries = 0
        while self._tries < MAX_TRIES:
            self._tries += 1
            await self._inbox.send(self._address, message)
            try:
                async with asyncio.timeout(ACKNOWLEDGE_TIMEOUT):
                    await self._acknowledged.wait()
            except TimeoutError:
                continue
            return True
        return False


def _encode_changes(cursor: Cursor, budget: int) -> tuple[list[Any], int]:
    """Encodes changes until their text fills the budget, in characters. Returns them and what is left of it."""
    changes = []
    for change in cursor.changes():
        changes.append(encode_change(cursor.run, change))
        budget -= len(getattr(change, "text", ""))
        if budget <= 0:
            break
    return changes, budget


class Links:
    """The links of this process, by the other process's address. `find` returns a run of this process by its id, with
    its attempt."""

    def __init__(
        self,
        inbox: Inbox,
        find: Callable[[str], tuple[LiveRun, int] | None],
        spawn: Callable[[Coroutine[Any, Any, Any]], object],
    ) -> None:
        self._inbox = inbox
        self._find = find
        self._spawn = spawn
        self._numbers = itertools.count(1)
        self._links: dict[str, Link] = {}

    def receive(self, message: PeerMessage) -> None:
        """Handles a message of type link.watch or link.ack."""
        address = message["from"]
        if message["type"] == "link.ack":
            if (link := self._links.get(address)) is not None:
                link.acknowledge(message["number"], message["unwanted"])
            return
        unknown = []
        for run_id, from_start in message["runs"].items():
            if (found := self._find(run_id)) is None:
                unknown.append(run_id)
            else:
                if address not in self._links:
                    self._links[address] = Link(self._inbox, address, self._numbers, self._remove)
                self._links[address].watch(*found, from_start=from_start)
        if unknown:
            self._spawn(self._inbox.send(address, {"type": "link.unknown", "runs": unknown}))

    async def wait_until_delivered(self, seconds: float) -> None:
        """Waits until every process has acknowledged everything, for at most so many seconds."""
        if waiting := [asyncio.create_task(link.wait_until_delivered()) for link in self._links.values()]:
            _, late = await asyncio.wait(waiting, timeout=seconds)
            for task in late:
                task.cancel()

    def close(self) -> None:
        for link in self._links.values():
            link.close()
        self._links.clear()

    def _remove(self, address: str) -> None:
        self._links.pop(address, None)
