"""Threads that read the database: nothing waits in the event loop, and no call waits behind another's slow work."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection

from conversations.db.jobs import Failure, Job, deliver
from conversations.db.threads import DatabaseThreads, DatabaseUnavailable

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)


class Readers(DatabaseThreads):
    """Runs functions that read the database, several at once."""

    def __init__(self, size: int = 4) -> None:
        super().__init__("reader", size)

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns or raises, but DatabaseUnavailable for a database that cannot be reached."""
        return await self._enqueue(Job.of(partial(function, *args, **kwargs)))

    def _take(self, job: Job[Any]) -> None:
        may_be_stale = connection.connection is not None
        outcome = _read(job)
        if may_be_stale and _is_unavailable(outcome):  # it was perhaps lost long ago, while nobody used it
            outcome = _read(job)
        deliver([(job, outcome)])


def _read(job: Job[Any]) -> Any:
    try:
        return job.function()
    except (OperationalError, InterfaceError) as error:
        connection.close()
        logger.warning("reading failed: %s", error)
        return Failure(DatabaseUnavailable())
    except BaseException as error:  # it is raised where it is awaited
        return Failure(error)


def _is_unavailable(outcome: Any) -> bool:
    return isinstance(outcome, Failure) and isinstance(outcome.error, DatabaseUnavailable)
