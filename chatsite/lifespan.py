"""The runner's life in this process: from the start of the server, or else the first connection, to its end."""

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
from chatsite.process_lock import ProcessLock, lock_of_database
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
    "Another process serves from the same database, and without REDIS_URL in both neither sees the answers that the "
    "other makes: set it, or stop one of them."
)
ALONE_AGAIN = "The other process that served from the same database has gone."


class Lifespan:
    """One per process. `runner()` starts what is not started yet."""

    def __init__(self) -> None:
        self._starting: asyncio.Task[Runner] | None = None
        self._closing = contextlib.AsyncExitStack()
        self._grace: float | None = None
        self._stopping = False

    async def runner(self) -> Runner:
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        return await asyncio.shield(self._starting)

    async def stop(self, grace: float | None = None) -> None:
        """Who connects meanwhile finds the runner that is stopping: there is never another one.

        `grace`: seconds for the answers under way, if not those of SHUTDOWN_GRACE.
        """
        if self._starting is None or self._stopping:
            return
        self._stopping, self._grace = True, grace
        await asyncio.wait([self._starting])
        await self._closing.aclose()

    async def _start(self) -> Runner:
        adaptive_delay = AdaptiveDelay()
        readers, client = Readers(), ModelClient(read_pause=lambda: adaptive_delay.pause)
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
        await self._begin(runner)
        return runner

    async def _begin(self, runner: Runner) -> None:
        lock = lock_of_database()
        self._closing.callback(lock.release)
        is_ours = await runner.readers.run(lock.take)
        if not is_ours:
            logger.error(NOT_ALONE)
        elif runner.is_single_process and connection.vendor == "sqlite":  # the file is in use by this process alone
            await runner.take_over_all_runs()
        runner.start()
        self._closing.push_async_callback(lambda: runner.stop(self._grace))
        watching = asyncio.create_task(self._watch(lock, runner, is_ours))
        self._closing.callback(watching.cancel)
        await runner.readers.run(log_setup_code)

    async def _watch(self, lock: ProcessLock, runner: Runner, is_ours: bool) -> None:
        """Says so when a process goes that should not be beside this one, or when one has come while we did not see."""
        while True:
            await asyncio.sleep(settings.RUN_HEARTBEAT)
            try:
                before, is_ours = is_ours, await runner.readers.run(lock.take)
            except DatabaseUnavailable:
                continue
            if is_ours != before:
                logger.log(*(logging.INFO, ALONE_AGAIN) if is_ours else (logging.ERROR, NOT_ALONE))

    async def _open_inbox(self) -> Inbox | None:
        layer: Any = get_channel_layer() if settings.REDIS_URL else None
        if layer is None:
            return None
        try:
            return await Inbox.open(layer)
        except Exception as error:
            raise ImproperlyConfigured(f"Redis cannot be reached at REDIS_URL: {type(error).__name__}") from error

    async def _demo_model(self) -> CatalogEntry:
        from conversations.demo.server import DemoServer  # with aiohttp's server: only where it is used

        server = DemoServer()
        await server.start()
        self._closing.push_async_callback(server.stop)
        logger.info("No LLM_MODEL is set: the built-in demonstration answers. README.md says how to connect a model.")
        return demo_entry(base_url=server.base_url, api_key=server.api_key, model=DEMO_MODEL_NAME)

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """ASGI's lifespan protocol, for servers that have it."""
        await receive()
        try:
            await self.runner()
        except Exception as error:
            report(error)
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})


def _require_tables() -> None:
    if Run._meta.db_table not in connection.introspection.table_names():
        raise ImproperlyConfigured("The database is not set up: run script/server, or manage.py migrate")


def report(error: Exception) -> None:
    if isinstance(error, ImproperlyConfigured | DatabaseUnavailable):
        logger.critical("The server cannot start. %s", error)
    else:
        logger.critical("The server could not start", exc_info=error)
