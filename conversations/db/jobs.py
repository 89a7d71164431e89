"""Functions that a database thread calls on behalf of the event loop, and how the results get back to it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from django.db import Error, InterfaceError, OperationalError, connection, transaction

A = TypeVar("A")
T = TypeVar("T")

BatchOperation = Callable[[Sequence[A]], Sequence[T | Exception]]
"""Handles many arguments at once: returns for each its result, or the error that its caller is to get."""

logger = logging.getLogger(__name__)

# PostgreSQL reports these as operational errors, but repeating the statement does not help.
PROGRAM_LIMIT_EXCEEDED = "54"
QUERY_CANCELED = "57014"


class Failure:
    """Takes the place of a result: `error` is raised where the result is awaited."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


@dataclass(slots=True, eq=False)
class Job(Generic[T]):
    """A function to call, and the future of the event loop that gets its result.

    `deadline` is on the monotonic clock. `batch` is the batch operation that `function` calls with one argument, and
    that argument; None for a function of its own.
    """

    function: Callable[[], T]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[T]
    deadline: float
    batch: tuple[BatchOperation[Any, T], Any] | None

    @classmethod
    def create(
        cls,
        function: Callable[[], T],
        *,
        timeout: float = float("inf"),
        batch: tuple[BatchOperation[Any, T], Any] | None = None,
    ) -> Job[T]:
        """`timeout` is in seconds. Call it in the event loop that awaits the result."""
        loop = asyncio.get_running_loop()
        return cls(function, loop, loop.create_future(), time.monotonic() + timeout, batch)


def resolve(results: Iterable[tuple[Job[Any], Any]]) -> None:
    """Sets the futures of the jobs in their event loops, one call per loop. A Failure becomes an exception."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for job, result in results:
        by_loop.setdefault(job.loop, []).append((job.future, result))
    for loop, settled in by_loop.items():
        try:
            loop.call_soon_threadsafe(_set_results, settled)
        except RuntimeError:
            logger.debug("the event loop closed before its result came")


def _set_results(results: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in results:
        if future.done():
            continue
        if isinstance(result, Failure):
            future.set_exception(result.error)
        else:
            future.set_result(result)


def run_group(group: Sequence[Job[Any]]) -> list[tuple[Job[Any], Any]]:
    """Runs the jobs in the open transaction, with a savepoint for each, and returns each with its result.

    A job that fails leaves nothing behind and does not affect the others. Adjacent jobs of one batch operation are one
    call of it in one savepoint; if that call fails, each of them is run alone.
    Raises a database Error if the database cannot be used now.
    """
    results: list[Any] = []
    for operation, adjacent in itertools.groupby(group, key=lambda job: job.batch[0] if job.batch else job):
        jobs = list(adjacent)
        if len(jobs) > 1 and not isinstance(operation, Job):
            outcome = _run(partial(operation, [job.batch[1] for job in jobs if job.batch]))
            if not isinstance(outcome, Failure):
                results += [Failure(each) if isinstance(each, Exception) else each for each in outcome]
                continue
        results += [_run(job.function) for job in jobs]
    return list(zip(group, results, strict=True))


def _run(function: Callable[[], Any]) -> Any:
    """Returns the function's result, or a Failure after its savepoint was rolled back."""
    try:
        with transaction.atomic():
            return function()
    except BaseException as error:
        if connection.needs_rollback:  # the savepoint could not be rolled back: the whole transaction is lost
            raise OperationalError(f"the transaction broke off: {error}") from error
        if isinstance(error, OperationalError | InterfaceError) and not _is_fault_of_statement(error):
            raise
        return Failure(error)


def _is_fault_of_statement(error: Error) -> bool:
    """Whether the database rejects the statement itself, so that repeating it does not help."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.OperationalError):
        return cause.sqlite_errorcode == sqlite3.SQLITE_ERROR
    code = getattr(cause, "sqlstate", None) or ""
    return code.startswith(PROGRAM_LIMIT_EXCEEDED) or code == QUERY_CANCELED
