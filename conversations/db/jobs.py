"""Operations on the database that a thread carries out for the event loop, and how a group of them is carried out."""

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

Joint = Callable[[Sequence[A]], Sequence[T | Exception]]
"""An operation for many arguments at once: gives for each its value, or the error that it is to be refused with."""

logger = logging.getLogger(__name__)

# PostgreSQL counts these as operational, but repeating does not help: a limit of its own, and its statement_timeout
PROGRAM_LIMIT_EXCEEDED = "54"
QUERY_CANCELED = "57014"


class Failure:
    """In the place of an outcome: what is to be raised where that is awaited."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


@dataclass(slots=True, eq=False)
class Job(Generic[T]):
    """An operation that somebody waits for. `joint`: what it is one of many of, and its argument."""

    function: Callable[[], T]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[T]
    deadline: float = float("inf")
    joint: tuple[Joint[Any, T], Any] | None = None

    @classmethod
    def of(cls, function: Callable[[], T], patience: float = float("inf")) -> Job[T]:
        loop = asyncio.get_running_loop()
        return cls(function, loop, loop.create_future(), time.monotonic() + patience)

    @classmethod
    def of_many(cls, operation: Joint[A, T], argument: A) -> Job[T]:
        job = cls.of(partial(_carry_out_alone, operation, argument))
        job.joint = operation, argument
        return job


def deliver(outcomes: Iterable[tuple[Job[Any], Any]]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for job, outcome in outcomes:
        by_loop.setdefault(job.loop, []).append((job.future, outcome))
    for loop, settled in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, settled)
        except RuntimeError:
            logger.debug("the event loop closed before its answer came")


def _settle(outcomes: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, outcome in outcomes:
        if future.done():
            continue
        if isinstance(outcome, Failure):
            future.set_exception(outcome.error)
        else:
            future.set_result(outcome)


def carry_out_group(group: Sequence[Job[Any]]) -> list[tuple[Job[Any], Any]]:
    """Each with its outcome. One that is refused leaves nothing behind, and takes no other along.

    Raises an Error if the database cannot be used now.
    """
    outcomes: list[Any] = []
    for _, adjacent in itertools.groupby(group, key=lambda job: job.joint[0] if job.joint else job):
        jobs = list(adjacent)
        outcomes += (_carry_out_joint(jobs) if len(jobs) > 1 else None) or [_carry_out(job.function) for job in jobs]
    return list(zip(group, outcomes, strict=True))


def _carry_out_joint(jobs: Sequence[Job[Any]]) -> list[Any] | None:
    """By one call of their operation; None if that was refused."""
    (operation, _), *_ = joints = [job.joint for job in jobs if job.joint]
    outcomes = _carry_out(partial(operation, [argument for _, argument in joints]))
    if isinstance(outcomes, Failure):
        return None
    return [Failure(outcome) if isinstance(outcome, Exception) else outcome for outcome in outcomes]


def _carry_out_alone(operation: Joint[A, T], argument: A) -> T:
    [outcome] = operation([argument])
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _carry_out(function: Callable[[], Any]) -> Any:
    """What it gives, or a Failure, and then it has done nothing."""
    try:
        with transaction.atomic():
            return function()
    except BaseException as error:
        if connection.needs_rollback:  # not even the savepoint could be returned to, and a commit would do nothing
            raise OperationalError(f"the transaction broke off: {error}") from error
        if isinstance(error, OperationalError | InterfaceError) and not _is_refusal(error):
            raise
        return Failure(error)


def _is_refusal(error: Error) -> bool:
    """Whether the database objects to the statement itself, which repeating does not help."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.OperationalError):
        return cause.sqlite_errorcode == sqlite3.SQLITE_ERROR
    code = getattr(cause, "sqlstate", None) or ""
    return code.startswith(PROGRAM_LIMIT_EXCEEDED) or code == QUERY_CANCELED
