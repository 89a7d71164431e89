"""Starts and stops the runner of this process, with the server or else with the first connection."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from channels.layers import get_channel_layer
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from accounts.first_start import log_setup_code
from chatsite.process_lock import ProcessLock, database_lock
from conversations.db.readers import Readers
from conversations.db.threads import DatabaseUnavailable
from conversations.db.writer import Writer
from conversations.demo import DEMO_MODEL_NAME
from conversations.llm.client import ModelClient
from conversations.models import Run
from conversations.providers.catalog import CatalogEntry, ModelCatalog, configured_entries, demo_entry
from conversations.runner.adaptive_delay import AdaptiveDelay
from conversations.runner.cluster.inbox import Inbox
from conversations.runner.dependencies import RunDependencies, RunLimits
from conversations.runner.runner import Runner, RunnerLimits
from conversations.runner.subscribers import Subscribers
from conversations.store.workspaces import workspaces_folder
from tools.builtin import builtin_registry

logger = logging.getLogger(__name__)

NOT_ALONE = (
    "Another process serves from the same database. Unless both have REDIS_URL, neither sees the answers of the other: "
    "set it, or stop one of them."
)
ALONE_AGAIN = "The other process that served from the same database has stopped."


class Lifespan:
    """The runner of the process and what it needs. Create one per process."""

    def __init__(self) -> None:
        self._start_task: asyncio.Task[Runner] | None = None
        self._exit_stack = contextlib.AsyncExitStack()
        self._grace: float | None = None
        self._is_stopping = False

    async def runner(self) -> Runner:
        """Returns the runner, and starts it with the first call."""
        if self._start_task is None:
            self._start_task = asyncio.create_task(self._start())
        return await asyncio.shield(self._start_task)

    async def stop(self, grace: float | None = None) -> None:
        """Stops the runner, and never starts another one: connections from now on get the stopped runner.

        `grace` is the time in seconds for running answers, by default SHUTDOWN_GRACE.
        """
        if self._start_task is None or self._is_stopping:
            return
        self._is_stopping, self._grace = True, grace
        await asyncio.wait([self._start_task])
        await self._exit_stack.aclose()

    async def _start(self) -> Runner:
        adaptive_delay = AdaptiveDelay()
        readers, client = Readers(), ModelClient(read_pause=lambda: adaptive_delay.seconds)
        dependencies = RunDependencies(
            writer=Writer(),
            readers=readers,
            client=client,
            catalog=ModelCatalog(configured_entries() or [await self._demo_model()]),
            tools=builtin_registry(),
            limits=RunLimits(
                max_iterations=settings.MAX_ITERATIONS,
                max_attempts=settings.RUN_MAX_ATTEMPTS,
                cut_retries=settings.RUN_CUT_RETRIES,
                tool_max_workers=settings.TOOL_MAX_WORKERS,
                tool_timeout=settings.TOOL_TIMEOUT,
                tool_result_limit=settings.TOOL_RESULT_LIMIT,
            ),
            workspaces=workspaces_folder(),
        )
        await readers.run(_require_tables)
        limits = RunnerLimits(
            max_runs_per_user=settings.LIMIT_RUNS_PER_USER,
            heartbeat=settings.RUN_HEARTBEAT,
            shutdown_grace=settings.SHUTDOWN_GRACE,
        )
        inbox = await self._open_inbox()
        runner = Runner(
            dependencies=dependencies,
            subscribers=Subscribers(),
            adaptive_delay=adaptive_delay,
            limits=limits,
            inbox=inbox,
        )
        await self._start_runner(runner)
        return runner

    async def _start_runner(self, runner: Runner) -> None:
        lock = database_lock()
        self._exit_stack.callback(lock.release)
        is_locked = await runner.readers.run(lock.acquire)
        if not is_locked:
            logger.error(NOT_ALONE)
        elif runner.is_single_process and connection.vendor == "sqlite":  # No other process uses the file.
            await runner.take_over_all_runs()
        runner.start()
        self._exit_stack.push_async_callback(lambda: runner.stop(self._grace))
        watch_task = asyncio.create_task(self._watch_lock(lock, runner, is_locked))
        self._exit_stack.callback(watch_task.cancel)
        await runner.readers.run(log_setup_code)

    async def _watch_lock(self, lock: ProcessLock, runner: Runner, is_locked: bool) -> None:
        """Logs when another server process stops, and when one started while the lock was lost."""
        while True:
            await asyncio.sleep(settings.RUN_HEARTBEAT)
            try:
                was_locked, is_locked = is_locked, await runner.readers.run(lock.acquire)
            except DatabaseUnavailable:
                continue
            if is_locked and not was_locked:
                logger.info(ALONE_AGAIN)
            elif was_locked and not is_locked:
                logger.error(NOT_ALONE)

    async def _open_inbox(self) -> Inbox | None:
        layer: Any = get_channel_layer() if settings.REDIS_URL else None
        if layer is None:
            return None
        try:
            return await Inbox.open(layer)
        except Exception as error:
            raise ImproperlyConfigured(f"Redis cannot be reached at REDIS_URL: {type(error).__name__}") from error

    async def _demo_model(self) -> CatalogEntry:
        from conversations.demo.server import DemoServer  # imports aiohttp's server, which only the demo needs

        server = DemoServer()
        await server.start()
        self._exit_stack.push_async_callback(server.stop)
        logger.info("No LLM_MODEL is set: the built-in demo answers. README.md explains how to connect a model.")
        return demo_entry(base_url=server.base_url, api_key=server.api_key, model=DEMO_MODEL_NAME)

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Implements the ASGI lifespan protocol, for servers that support it."""
        await receive()
        try:
            await self.runner()
        except Exception as error:
            log_failed_start(error)
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})


def _require_tables() -> None:
    if Run._meta.db_table not in connection.introspection.table_names():
        raise ImproperlyConfigured("The database is not set up: run script/server or manage.py migrate")


def log_failed_start(error: Exception) -> None:
    if isinstance(error, ImproperlyConfigured | DatabaseUnavailable):
        logger.critical("The server cannot start. %s", error)
    else:
        logger.critical("The server could not start", exc_info=error)
