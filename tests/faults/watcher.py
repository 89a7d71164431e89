"""A client that stays with one run, whatever happens to its connections."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import websockets

from tests.client import CallError, Client, connected
from tests.faults.process import ServerProcess

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.2
LONGEST_SILENCE = 120.0
"""Seconds for which it waits for the next word of a run."""


class Watcher:
    """Reconnects with back-off and subscribes again, as docs/protocol.md says, to one server or to several in turn;
    each connection tells it all. A server that cannot tell it right now is asked again.

    `codes` are those with which connections were closed; `end` is the notification that ended the run, which came at
    `ended_at` on the monotonic clock; `heard_at` is when each notification of the run came.
    """

    def __init__(self, server: ServerProcess, token: str, sent: dict[str, Any], *others: ServerProcess) -> None:
        self.run_id: str = sent["run_id"]
        self.codes: list[int] = []
        self.steps: list[dict[str, Any]] = []
        self.end: dict[str, Any] = {}
        self.ended_at = 0.0
        self.heard_at: list[float] = []
        self._urls = itertools.cycle([each.url for each in (server, *others)])
        self._token = token
        self._conversation_id: str = sent["conversation_id"]
        self._connected = asyncio.Event()
        self._task = server.beside(self._follow())

    async def subscribed(self) -> None:
        """Returns when it is told the run for the first time."""
        await self._connected.wait()

    async def ended(self) -> None:
        """Returns when the run has ended."""
        await self._task

    def silence_after(self, moment: float) -> float:
        """Seconds from that moment until it heard of the run again."""
        return next(heard for heard in self.heard_at if heard > moment) - moment

    async def _follow(self) -> None:
        pause = FIRST_PAUSE
        while not self.end:
            try:
                async with connected(next(self._urls), self._token) as client:
                    await self._watch(client)
                    pause = FIRST_PAUSE
            except (OSError, websockets.InvalidMessage):
                pause = min(2 * pause, LONGEST_PAUSE)
            if not self.end:
                await asyncio.sleep(pause)

    async def _watch(self, client: Client) -> None:
        """Returns when the run has ended, or the connection."""
        try:
            await client.call("conversation.subscribe", conversation_id=self._conversation_id, run_id=self.run_id)
            self._connected.set()
            self.end = await client.ended(self.run_id, within=LONGEST_SILENCE)
            self.ended_at = time.monotonic()
        except CallError as refused:
            if refused.data["code"] != "unavailable":
                raise
        except (AssertionError, websockets.ConnectionClosed):
            code = client.connection.close_code
            if code is None:
                raise
            self.codes.append(code)
        self.steps = client.steps(self.run_id)
        self.heard_at += client.arrival_times(self.run_id)
