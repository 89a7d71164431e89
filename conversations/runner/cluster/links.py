"""Sends the changes of this process's runs to the processes that watch them, by one link to each.

A link sends what is new in all watched runs in one message, and the next one when that was acknowledged. What comes
meanwhile waits as for every follower: as the difference to a cursor.
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
"""Seconds after which an unacknowledged message is sent again."""
MAX_TRIES = 5
"""Tries after which the other process counts as gone: it asks again if it is alive."""
MAX_MESSAGE_CHARACTERS = 500_000


@dataclass(slots=True)
class Watched:
    """A watched run. `last_number` is the number of the last message about it, 0 before the first; `needs_reply` is set
    when the other process asks whether it still gets the run."""

    cursor: Cursor
    attempt: int
    last_number: int = 0
    needs_reply: bool = False

    @property
    def has_changes(self) -> bool:
        return self.needs_reply or self.cursor.behind


class Link:
    """The link to one process. `on_end` is called when no run is watched any more, or the process is gone.

    `numbers` grow with every message of this process, and each run's part names the message before, so that the
    receiver notices a late or lost one.
    """

    def __init__(self, inbox: Inbox, address: str, numbers: Iterator[int], on_end: Callable[[str], None]) -> None:
        self._inbox = inbox
        self._address = address
        self._numbers = numbers
        self._on_end = on_end
        self._watched: dict[str, Watched] = {}
        self._has_changes = asyncio.Event()
        self._idle = asyncio.Event()
        self._acknowledged = asyncio.Event()
        self._number = 0
        self._tries = 0
        self._task = asyncio.create_task(self._run())

    def watch(self, run: LiveRun, attempt: int, *, from_start: bool) -> None:
        """Sends the run from its first step, unless it is being sent already and not wanted `from_start`."""
        self._tries = 0  # it is alive
        known = self._watched.get(run.identity.run_id)
        if from_start or known is None or known.attempt != attempt:
            self.unwatch(run.identity.run_id)
            run.follow(self._has_changes.set)
            self._watched[run.identity.run_id] = Watched(Cursor(run), attempt)
        else:
            known.needs_reply = True
        self._has_changes.set()

    def unwatch(self, run_id: str) -> None:
        watched = self._watched.pop(run_id, None)
        if watched is not None:
            watched.cursor.run.unfollow(self._has_changes.set)

    def acknowledge(self, number: int, unwanted: Collection[str]) -> None:
        if number == self._number:
            for run_id in unwanted:
                self.unwatch(run_id)
            self._acknowledged.set()

    async def wait_until_delivered(self) -> None:
        """Waits until everything was delivered."""
        while not self._task.done() and (self._has_changes.is_set() or not self._idle.is_set()):
            await self._idle.wait()
            await asyncio.sleep(0)

    def close(self) -> None:
        self._task.cancel()
        self._forget()

    async def _run(self) -> None:
        try:
            while self._watched:
                await self._has_changes.wait()
                self._has_changes.clear()
                self._idle.clear()
                await self._send_changes()
                self._idle.set()
        finally:
            self._idle.set()
            self._on_end(self._address)

    async def _send_changes(self) -> None:
        while news := self._take_changes():
            if not await self._deliver(news):
                logger.info("a process that watched runs of this one does not answer any more")
                self._forget()
                return

    def _forget(self) -> None:
        for run_id in list(self._watched):
            self.unwatch(run_id)

    def _take_changes(self) -> dict[str, Any]:
        """Returns changes by run id, as many as fit into a message. Runs that are left out come first next time."""
        news: dict[str, Any] = {}
        self._number = next(self._numbers)
        room = MAX_MESSAGE_CHARACTERS
        for run_id, watched in list(self._watched.items()):
            if room <= 0:
                break
            if not watched.has_changes:
                continue
            changes, room = _take(watched.cursor, room)
            if changes or watched.needs_reply:
                news[run_id] = {"attempt": watched.attempt, "after": watched.last_number, "changes": changes}
                watched.last_number, watched.needs_reply = self._number, False
            if watched.cursor.ended:
                self.unwatch(run_id)
            elif room <= 0:
                self._watched[run_id] = self._watched.pop(run_id)
        return news

    async def _deliver(self, news: dict[str, Any]) -> bool:
        self._acknowledged.clear()
        message = {"type": "link.news", "number": self._number, "runs": news}
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


def _take(cursor: Cursor, room: int) -> tuple[list[Any], int]:
    """Takes changes with about `room` characters of text. Returns them, and the room that is left."""
    changes = []
    for change in cursor.changes():
        changes.append(encode_change(cursor.run, change))
        room -= len(getattr(change, "text", ""))
        if room <= 0:
            break
    return changes, room


class Links:
    """The links of this process by address. `find` returns a live run of this process with its attempt."""

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

    def take(self, message: PeerMessage) -> None:
        """Handles a message of type link.watch or link.taken."""
        if message["type"] == "link.watch":
            self._watch(message["from"], message["runs"])
        elif (link := self._links.get(message["from"])) is not None:
            link.acknowledge(message["number"], message["unwanted"])

    async def wait_until_delivered(self, within: float) -> None:
        """Waits until everything was delivered, for at most `within` seconds."""
        if waiting := [asyncio.create_task(link.wait_until_delivered()) for link in self._links.values()]:
            _, late = await asyncio.wait(waiting, timeout=within)
            for task in late:
                task.cancel()

    def close(self) -> None:
        for link in self._links.values():
            link.close()
        self._links.clear()

    def _watch(self, address: str, runs: dict[str, bool]) -> None:
        unknown = []
        for run_id, from_start in runs.items():
            if (found := self._find(run_id)) is None:
                unknown.append(run_id)
            else:
                self._link(address).watch(*found, from_start=from_start)
        if unknown:
            self._spawn(self._inbox.send(address, {"type": "link.unknown", "runs": unknown}))

    def _link(self, address: str) -> Link:
        if address not in self._links:
            self._links[address] = Link(self._inbox, address, self._numbers, self._on_ended)
        return self._links[address]

    def _on_ended(self, address: str) -> None:
        self._links.pop(address, None)
