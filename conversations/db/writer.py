"""The thread that writes: it commits the operations that have gathered in one transaction, a savepoint for each."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ParamSpec, TypeVar

from django.db import Error, IntegrityError, connection, transaction

from conversations.db.jobs import BatchOperation, Failure, Job, resolve, run_group
from conversations.db.threads import DatabaseThreads, DatabaseUnavailable
from conversations.models import CommittedGroup

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A")

logger = logging.getLogger(__name__)

MAX_RETRY_PAUSE = 2.0
"""Seconds between two attempts to write, at most."""


class Writer(DatabaseThreads):
    """Commits operations in groups: what gathers while one group is written becomes the next.

    An operation that fails does not affect the others of its group. A group that meets a lost, locked or full database
    is repeated, in order, until it succeeds; an operation whose timeout passes meanwhile fails with
    DatabaseUnavailable.

    No operation is carried out twice, and none has to guard against it: where the answer to a commit is lost, the
    number of the group, which is stored with it, shows whether it was committed; then its results are those of the
    first time.
    """

    MAX_GROUP = 256
    RETRY_PAUSES = (0.05, 0.2, 0.5, 1.0, MAX_RETRY_PAUSE)

    def __init__(self) -> None:
        super().__init__("writer", 1)
        self.groups = 0
        """How many groups have been committed."""
        self._id = uuid.uuid4().hex
        self._pending: list[Job[Any]] = []
        self._commit_singly = 0
        """How many pending jobs, from the first, are each committed alone."""
        self._in_doubt: list[tuple[Job[Any], Any]] = []
        """The jobs of a commit whose answer was lost, with their results: they may or may not have been committed."""
        self._attempted_at = 0.0
        self._give_up_at = float("inf")

    def submit(self, operation: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Resolves after the commit. Operations are carried out in the order of submission."""
        return self._enqueue(Job.create(partial(operation, *args, **kwargs)))

    def submit_with_timeout(
        self, timeout: float, operation: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]:
        """As `submit`, for at most `timeout` seconds; longer only while it is unknown whether it was committed."""
        return self._enqueue(Job.create(partial(operation, *args, **kwargs), timeout=timeout))

    def submit_batched(self, operation: BatchOperation[A, T], argument: A) -> asyncio.Future[T]:
        """As `submit`. Adjacent submissions of one operation become one call of it, in one savepoint; if that call
        fails, each is carried out alone."""

        def call_alone() -> T:
            [result] = operation([argument])
            if isinstance(result, Exception):
                raise result
            return result

        return self._enqueue(Job.create(call_alone, batch=(operation, argument)))

    def give_up_after(self, seconds: float) -> None:
        """Lets whatever the database has not taken by then fail with DatabaseUnavailable, whatever its timeout."""
        self._give_up_at = time.monotonic() + seconds

    def stop(self, timeout: float = 10.0) -> None:
        """Commits what is queued, then ends the thread. What the database does not take within `timeout` seconds fails
        with DatabaseUnavailable."""
        self._give_up_at = min(self._give_up_at, time.monotonic() + timeout)
        super().stop(timeout + MAX_RETRY_PAUSE)
        self._give_up_at = float("inf")

    def _run(self, job: Job[Any]) -> None:
        self._pending.append(job)
        stopping, pauses = False, self._pauses()
        while self._pending:
            stopping |= self._take_queued()
            if self._commit_next():
                pauses = self._pauses()
            else:
                time.sleep(next(pauses))
                stopping |= self._take_queued()
                self._drop_expired()
        if stopping:
            self._queue.put(None)

    def _pauses(self) -> Iterator[float]:
        return itertools.chain(self.RETRY_PAUSES, itertools.repeat(MAX_RETRY_PAUSE))

    def _take_queued(self) -> bool:
        """Moves queued jobs behind the pending ones. Returns whether the thread is to stop."""
        stopping = False
        while not self._queue.empty():
            if (job := self._queue.get()) is None:
                stopping = True
            else:
                self._pending.append(job)
        return stopping

    def _commit_next(self) -> bool:
        """Commits the next group. Returns False if the database cannot be used now."""
        try:
            done = self._commit()
        except IntegrityError as error:  # a constraint that is checked at the commit
            self._in_doubt = []
            if not self._commit_singly:  # only the operation at fault may fail
                self._commit_singly = len(self._pending[: self.MAX_GROUP])
                if self._commit_singly > 1:
                    return True
            resolve([(self._pending[0], Failure(error))])
            done = 1
        except Error as error:
            logger.warning("writing failed, and is repeated: %s", error)
            connection.close()
            return False
        del self._pending[:done]
        self._commit_singly = max(self._commit_singly - done, 0)
        return True

    def _commit(self) -> int:
        """Commits a group, or finds that the one in doubt was committed. Returns how many pending jobs are done."""
        with transaction.atomic():
            if CommittedGroup.objects.record(writer=self._id, number=self.groups + 1):
                # The group in doubt was not committed: it is repeated, but for jobs that had expired the last time.
                expired = [job for job, _ in self._in_doubt if job.deadline < self._attempted_at]
                self._in_doubt = []
                self._drop(expired)
                self._attempted_at = time.monotonic()
                self._in_doubt = run_group(self._pending[: 1 if self._commit_singly else self.MAX_GROUP])
        done, self._in_doubt = self._in_doubt, []
        self.groups += 1
        resolve(done)
        return len(done)

    def _drop_expired(self) -> None:
        """Fails jobs whose timeout has passed. Those in doubt stay, as they may have been committed."""
        now = time.monotonic()
        if now >= self._give_up_at:
            expired = self._pending
            self._in_doubt, self._id = [], uuid.uuid4().hex
        else:
            expired = [job for job in self._pending[len(self._in_doubt) :] if job.deadline < now]
        self._drop(expired)

    def _drop(self, expired: list[Job[Any]]) -> None:
        self._pending = [job for job in self._pending if job not in expired]
        resolve([(job, Failure(DatabaseUnavailable())) for job in expired])
