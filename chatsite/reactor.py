"""The runner's life under Daphne, which has no lifespan protocol, but a reactor that says when it runs and ends."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from django.utils.autoreload import file_changed

from chatsite.lifespan import Lifespan, report
from conversations.websocket.protocol.frames import MAX_FRAME_BYTES

DRAINING = "draining"
RELOAD_PATIENCE = 20.0
"""Seconds that a reload waits for what a stop does."""

logger = logging.getLogger(__name__)


def follow_daphne(lifespan: Lifespan) -> None:
    """Does nothing under other servers."""
    if "daphne.server" not in sys.modules:
        return
    from daphne.ws_protocol import WebSocketProtocol
    from twisted.internet import reactor as installed

    # A frame that is too large closes the connection with 1009, as the protocol says, not without a word.
    WebSocketProtocol.failByDrop = False
    WebSocketProtocol.maxFramePayloadSize = WebSocketProtocol.maxMessagePayloadSize = MAX_FRAME_BYTES
    Reactor(installed, lifespan).follow()


class Reactor:
    def __init__(self, reactor: Any, lifespan: Lifespan) -> None:
        self._reactor = reactor
        self._loop: asyncio.AbstractEventLoop = reactor._asyncioEventloop
        self._lifespan = lifespan
        self._life: asyncio.Task[None] | None = None

    def follow(self) -> None:
        from twisted.internet.defer import Deferred

        def stop() -> Deferred[None]:
            return Deferred.fromFuture(asyncio.ensure_future(self._lifespan.stop(), loop=self._loop))

        self._reactor.callWhenRunning(self._start)
        self._reactor.addSystemEventTrigger("before", "shutdown", stop)

    def _start(self) -> None:
        if threading.current_thread() is threading.main_thread():
            # Daphne would end its applications at the signal itself, before we could say why.
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self._loop.call_soon_threadsafe(self._drain))
        else:  # of `manage.py runserver`, whose main thread watches the files
            file_changed.connect(self._release, weak=False)
        self._life = self._loop.create_task(self._start_runner())

    async def _start_runner(self) -> None:
        try:
            await self._lifespan.runner()
        except Exception as error:
            report(error)
            self._fail()
            return
        # What is loaded by now stays: going through it at every full collection would hold all answers up.
        gc.collect()
        gc.freeze()

    def _fail(self) -> None:
        # Daphne would end with 0, and whatever watches over it would take that for a wish.
        self._reactor.addSystemEventTrigger("after", "shutdown", os._exit, 1)
        self._reactor.stop()

    def _drain(self) -> None:
        if self._life is not None and self._life.get_name() == DRAINING:
            self._reactor.stop()  # asked twice: at once
        else:
            self._life = self._loop.create_task(self._stop(), name=DRAINING)

    async def _stop(self) -> None:
        try:
            await self._lifespan.stop()
        finally:
            self._reactor.stop()

    def _release(self, file_path: Path, **_: Any) -> None:
        """In the main thread, before the reloader ends the process for a changed file: the next one goes on with the
        answers. For those that are no Python (templates, translations) it does not end it."""
        if file_path.suffix != ".py" or not self._loop.is_running():
            return
        stopping = asyncio.run_coroutine_threadsafe(self._lifespan.stop(grace=0), self._loop)
        try:
            stopping.result(RELOAD_PATIENCE)
        except Exception:
            logger.exception("the answers under way could not be handed over: the next start takes them up")
