"""A client that follows one run across reconnects."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import websockets

from tests.client import CallError, Client, connected
from tests.faults.process import ServerProcess

INITIAL_BACKOFF, MAX_BACKOFF = 0.02, 0.2
MAX_SILENCE = 120.0
"""Seconds to wait for the next notification of a run."""


class Watcher:
    """Reconnects with backoff to one server or to several in turn, and subscribes again, as docs/protocol.md describes.
    Each connection replays the whole run. Retries while a server answers `unavailable`.

    `close_codes` are those of the closed connections; `end` is the notification that ended the run, received at
    `ended_at` on the monotonic clock; `received_at` has the times of all notifications of the run.
    """

    def __init__(self, server: ServerProcess, token: str, sent: dict[str, Any], *others: ServerProcess) -> None:
        self.run_id: str = sent["run_id"]
        self.close_codes: list[int] = []
        self.steps: list[dict[str, Any]] = []
        self.end: dict[str, Any] = {}
        self.ended_at = 0.0
        self.received_at: list[float] = []
        self._urls = itertools.cycle([each.url for each in (server, *others)])
        self._token = token
        self._conversation_id: str = sent["conversation_id"]
        self._connected = asyncio.Event()
        self._task = server.run_in_background(self._follow())

    async def subscribed(self) -> None:
        """Waits until it is subscribed to the run for the first time."""
        await self._connected.wait()

    async def ended(self) -> None:
        """Waits until the run has ended."""
        await self._task

    def silence_after(self, moment: float) -> float:
        """Returns the seconds from that moment to the next notification of the run."""
        return next(received for received in self.received_at if received > moment) - moment

    async def _follow(self) -> None:
        backoff = INITIAL_BACKOFF
        while not self.end:
            try:
                async with connected(next(self._urls), self._token) as client:
                    await self._watch(client)
                    backoff = INITIAL_BACKOFF
            except (OSError, websockets.InvalidMessage):
                backoff = min(2 * backoff, MAX_BACKOFF)
            if not self.end:
                await asyncio.sleep(backoff)

    async def _watch(self, client: Client) -> None:
        """Follows the run until it ends or the connection is closed."""
        try:
            await client.call("conversation.subscribe", conversation_id=self._conversation_id, run_id=self.run_id)
            self._connected.set()
            self.end = await client.ended(self.run_id, within=MAX_SILENCE)
            self.ended_at = time.monotonic()
        except CallError as error:
            if error.data["code"] != "unavailable":
                raise
        except (AssertionError, websockets.ConnectionClosed):
            code = client.connection.close_code
            if code is None:
                raise
            self.close_codes.append(code)
        self.steps = client.steps(self.run_id)
        self.received_at += client.arrival_times(self.run_id)
