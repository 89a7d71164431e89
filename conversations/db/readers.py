"""Threads that read the database: nothing waits in the event loop, and no call waits behind another's slow query."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection

from conversations.db.jobs import Failure, Job, resolve
from conversations.db.threads import DatabaseThreads, DatabaseUnavailable

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)


class Readers(DatabaseThreads):
    """Calls functions that read the database, `size` of them at once."""

    def __init__(self, size: int = 4) -> None:
        super().__init__("reader", size)

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Returns or raises what the function does. Raises DatabaseUnavailable if the database cannot be reached."""
        return await self._enqueue(Job.create(partial(function, *args, **kwargs)))

    def _run(self, job: Job[Any]) -> None:
        had_connection = connection.connection is not None
        result = _read(job)
        if had_connection and isinstance(result, Failure) and isinstance(result.error, DatabaseUnavailable):
            result = _read(job)  # the connection may have been lost long ago, while nobody used it
        resolve([(job, result)])


def _read(job: Job[Any]) -> Any:
    try:
        return job.function()
    except (OperationalError, InterfaceError) as error:
        connection.close()
        logger.warning("reading failed: %s", error)
        return Failure(DatabaseUnavailable())
    except BaseException as error:  # raised where the result is awaited
        return Failure(error)
