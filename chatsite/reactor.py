"""Starts and stops the runner with Daphne's reactor, as Daphne does not support the ASGI lifespan protocol."""

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

from chatsite.lifespan import Lifespan, log_failed_start
from conversations.websocket.protocol.frames import MAX_FRAME_BYTES

RELOAD_TIMEOUT = 20.0
"""Seconds that a reload waits for the runner to stop."""

logger = logging.getLogger(__name__)


def attach_to_daphne(lifespan: Lifespan) -> None:
    """Connects the lifespan to Daphne's reactor. Does nothing under other servers."""
    if "daphne.server" not in sys.modules:
        return
    from daphne.ws_protocol import WebSocketProtocol
    from twisted.internet import reactor as installed

    # A frame that is too large closes the connection with code 1009, not without a closing handshake.
    WebSocketProtocol.failByDrop = False
    WebSocketProtocol.maxFramePayloadSize = WebSocketProtocol.maxMessagePayloadSize = MAX_FRAME_BYTES
    DaphneLifespan(installed, lifespan).attach()


class DaphneLifespan:
    """Starts the runner when the reactor runs, and stops it on a signal, at a shutdown and before a reload."""

    def __init__(self, reactor: Any, lifespan: Lifespan) -> None:
        self._reactor = reactor
        self._loop: asyncio.AbstractEventLoop = reactor._asyncioEventloop
        self._lifespan = lifespan
        self._start_task: asyncio.Task[None] | None = None
        self._stop_task: asyncio.Task[None] | None = None

    def attach(self) -> None:
        from twisted.internet.defer import Deferred

        def stop() -> Deferred[None]:
            return Deferred.fromFuture(asyncio.ensure_future(self._lifespan.stop(), loop=self._loop))

        self._reactor.callWhenRunning(self._start)
        self._reactor.addSystemEventTrigger("before", "shutdown", stop)

    def _start(self) -> None:
        if threading.current_thread() is threading.main_thread():
            # Daphne would close the connections at the signal, before they get a close code.
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self._loop.call_soon_threadsafe(self._on_signal))
        else:  # under `manage.py runserver`, whose main thread watches the files
            file_changed.connect(self._on_file_changed, weak=False)
        self._start_task = self._loop.create_task(self._start_runner())

    async def _start_runner(self) -> None:
        try:
            await self._lifespan.runner()
        except Exception as error:
            log_failed_start(error)
            # Daphne would exit with status 0, which a supervisor takes for an intended end.
            self._reactor.addSystemEventTrigger("after", "shutdown", os._exit, 1)
            self._reactor.stop()
            return
        # Objects loaded so far are permanent. Scanning them in each full collection would delay all answers.
        gc.collect()
        gc.freeze()

    def _on_signal(self) -> None:
        if self._stop_task is None:
            self._stop_task = self._loop.create_task(self._stop())
        else:
            self._reactor.stop()  # A second signal stops at once.

    async def _stop(self) -> None:
        try:
            await self._lifespan.stop()
        finally:
            self._reactor.stop()

    def _on_file_changed(self, file_path: Path, **_: Any) -> None:
        """Hands over running answers to the next process before the reloader ends this one. Runs in the main thread.

        The reloader restarts only for Python files, not for templates and translations.
        """
        if file_path.suffix != ".py" or not self._loop.is_running():
            return
        future = asyncio.run_coroutine_threadsafe(self._lifespan.stop(grace=0), self._loop)
        try:
            future.result(RELOAD_TIMEOUT)
        except Exception:
            logger.exception("The running answers could not be handed over: the next start resumes them")
