"""What this process tells others of its runs: one link to each process that watches any.

A link sends what is new in all the runs that the other one watches, in one mail; the next goes when that was
acknowledged. What comes meanwhile waits as it does for every follower: as the difference to a cursor.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Collection, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

from conversations.runner.cluster.inbox import Inbox, Mail
from conversations.runs.codec import pack
from conversations.runs.live import Cursor, LiveRun

logger = logging.getLogger(__name__)

ACKNOWLEDGED_WITHIN = 2.0
"""Seconds, after which a mail is sent again."""
TRIES = 5
"""After which the other one is given up: it asks again, if it lives."""
MAIL_CHARACTERS = 500_000


@dataclass(slots=True)
class Watched:
    """`told` is the number of the last mail about the run, 0 before the first; `is_asked_after`: the other one wants to
    know whether we still tell it of this run."""

    cursor: Cursor
    attempt: int
    told: int = 0
    is_asked_after: bool = False

    @property
    def has_news(self) -> bool:
        return self.is_asked_after or self.cursor.behind


class Link:
    """To one process. `on_end` is called when nothing is left to tell, or nobody to tell it.

    `numbers` grow with every mail of this process, and each says which one it follows on: whoever gets one late, or
    misses one, can tell.
    """

    def __init__(self, inbox: Inbox, address: str, numbers: Iterator[int], on_end: Callable[[str], None]) -> None:
        self._inbox = inbox
        self._address = address
        self._numbers = numbers
        self._on_end = on_end
        self._watched: dict[str, Watched] = {}
        self._woken = asyncio.Event()
        self._idle = asyncio.Event()
        self._acknowledged = asyncio.Event()
        self._number = 0
        self._tries = 0
        self._task = asyncio.create_task(self._tell())

    def watch(self, run: LiveRun, attempt: int, *, anew: bool) -> None:
        """From its first step, if it is not told of already, or is to be told `anew`."""
        self._tries = 0  # whoever asks, lives
        known = self._watched.get(run.identity.run_id)
        if anew or known is None or known.attempt != attempt:
            self.unwatch(run.identity.run_id)
            run.follow(self._woken.set)
            self._watched[run.identity.run_id] = Watched(Cursor(run), attempt)
        else:
            known.is_asked_after = True
        self._woken.set()

    def unwatch(self, run_id: str) -> None:
        watched = self._watched.pop(run_id, None)
        if watched is not None:
            watched.cursor.run.unfollow(self._woken.set)

    def acknowledge(self, number: int, unwanted: Collection[str]) -> None:
        if number == self._number:
            for run_id in unwanted:
                self.unwatch(run_id)
            self._acknowledged.set()

    async def all_told(self) -> None:
        """Waits until nothing waits for the other one."""
        while not self._task.done() and (self._woken.is_set() or not self._idle.is_set()):
            await self._idle.wait()
            await asyncio.sleep(0)

    def close(self) -> None:
        self._task.cancel()
        self._forget()

    async def _tell(self) -> None:
        try:
            while self._watched:
                await self._woken.wait()
                self._woken.clear()
                self._idle.clear()
                await self._tell_news()
                self._idle.set()
        finally:
            self._idle.set()
            self._on_end(self._address)

    async def _tell_news(self) -> None:
        while news := self._news():
            if not await self._deliver(news):
                logger.info("a process that watched runs of this one does not answer any more")
                self._forget()
                return

    def _forget(self) -> None:
        for run_id in list(self._watched):
            self.unwatch(run_id)

    def _news(self) -> dict[str, Any]:
        """Changes by run, as many as a mail holds; the rest is found the next time, and has its turn first."""
        news: dict[str, Any] = {}
        self._number = next(self._numbers)
        room = MAIL_CHARACTERS
        for run_id, watched in list(self._watched.items()):
            if room <= 0:
                break
            if not watched.has_news:
                continue
            changes, room = _take(watched.cursor, room)
            if changes or watched.is_asked_after:
                news[run_id] = {"attempt": watched.attempt, "after": watched.told, "changes": changes}
                watched.told, watched.is_asked_after = self._number, False
            if watched.cursor.ended:
                self.unwatch(run_id)
            elif room <= 0:
                self._watched[run_id] = self._watched.pop(run_id)
        return news

    async def _deliver(self, news: dict[str, Any]) -> bool:
        self._acknowledged.clear()
        mail = {"type": "link.news", "number": self._number, "runs": news}
        self._tries = 0
        while self._tries < TRIES:
            self._tries += 1
            await self._inbox.send(self._address, mail)
            try:
                async with asyncio.timeout(ACKNOWLEDGED_WITHIN):
                    await self._acknowledged.wait()
            except TimeoutError:
                continue
            return True
        return False


def _take(cursor: Cursor, room: int) -> tuple[list[Any], int]:
    """Changes of about `room` characters of text, and how much of it is left."""
    changes = []
    for change in cursor.changes():
        changes.append(pack(cursor.run, change))
        room -= len(getattr(change, "text", ""))
        if room <= 0:
            break
    return changes, room


class Links:
    """Of this process, by the address of the other one. `find` gives a run that is made here, with its attempt."""

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

    def take(self, mail: Mail) -> None:
        """Of type link.watch or link.taken."""
        if mail["type"] == "link.watch":
            self._watch(mail["from"], mail["runs"])
        elif (link := self._links.get(mail["from"])) is not None:
            link.acknowledge(mail["number"], mail["unwanted"])

    async def all_told(self, within: float) -> None:
        """Waits until nothing waits for any other process, for so many seconds."""
        if waiting := [asyncio.create_task(link.all_told()) for link in self._links.values()]:
            _, late = await asyncio.wait(waiting, timeout=within)
            for task in late:
                task.cancel()

    def close(self) -> None:
        for link in self._links.values():
            link.close()
        self._links.clear()

    def _watch(self, address: str, runs: dict[str, bool]) -> None:
        unknown = []
        for run_id, anew in runs.items():
            if (found := self._find(run_id)) is None:
                unknown.append(run_id)
            else:
                self._link(address).watch(*found, anew=anew)
        if unknown:
            self._spawn(self._inbox.send(address, {"type": "link.unknown", "runs": unknown}))

    def _link(self, address: str) -> Link:
        if address not in self._links:
            self._links[address] = Link(self._inbox, address, self._numbers, self._ended)
        return self._links[address]

    def _ended(self, address: str) -> None:
        self._links.pop(address, None)
