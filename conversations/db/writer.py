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

from conversations.db.jobs import Failure, Job, Joint, carry_out_group, deliver
from conversations.db.threads import DatabaseThreads, DatabaseUnavailable
from conversations.models import CommittedGroup

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A")

logger = logging.getLogger(__name__)

LONGEST_PAUSE = 2.0
"""Seconds between two tries to write, at most."""


class Writer(DatabaseThreads):
    """Commits operations in groups: what gathers while one group is written makes the next.

    An operation that is refused takes nothing else along. A group that meets a lost, locked or full database is
    repeated, in order, until it succeeds; an operation whose patience ends meanwhile fails with DatabaseUnavailable.

    No operation is carried out twice, and none needs to care: where the answer to a commit is lost, the group's number,
    which is stored with it, tells whether it was committed; then its outcomes are those of the first time.
    """

    GROUP = 256
    PAUSES = (0.05, 0.2, 0.5, 1.0, LONGEST_PAUSE)

    def __init__(self) -> None:
        super().__init__("writer", 1)
        self.groups = 0
        self._id = uuid.uuid4().hex
        self._backlog: list[Job[Any]] = []
        self._singly = 0
        self._in_doubt: list[tuple[Job[Any], Any]] = []
        self._tried_at = 0.0
        self._gives_up_at = float("inf")

    def submit(self, operation: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Resolves after the commit. Operations are carried out in the order in which they are submitted."""
        return self._enqueue(Job.of(partial(operation, *args, **kwargs)))

    def submit_with_patience(
        self, patience: float, operation: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]:
        """As `submit`, for `patience` seconds at most; longer only while it is unknown whether it was committed."""
        return self._enqueue(Job.of(partial(operation, *args, **kwargs), patience))

    def submit_joint(self, operation: Joint[A, T], argument: A) -> asyncio.Future[T]:
        """As `submit`. Those of one operation that follow each other are one call of it, in one savepoint; if that is
        refused, each is carried out by itself."""
        return self._enqueue(Job.of_many(operation, argument))

    def give_up_after(self, seconds: float) -> None:
        """What the database does not take until then fails with DatabaseUnavailable, whatever its patience."""
        self._gives_up_at = time.monotonic() + seconds

    def stop(self, within: float = 10.0) -> None:
        """As of all threads; what the database does not take meanwhile fails with DatabaseUnavailable."""
        self._gives_up_at = min(self._gives_up_at, time.monotonic() + within)
        super().stop(within + self.PAUSES[-1])
        self._gives_up_at = float("inf")

    def _take(self, job: Job[Any]) -> None:
        self._backlog.append(job)
        ended, pauses = False, self._pauses()
        while self._backlog:
            ended |= self._gather()
            if self._advance():
                pauses = self._pauses()
            else:
                time.sleep(next(pauses))
                ended |= self._gather()
                self._drop_impatient()
        if ended:
            self._queue.put(None)

    def _pauses(self) -> Iterator[float]:
        return itertools.chain(self.PAUSES, itertools.repeat(self.PAUSES[-1]))

    def _gather(self) -> bool:
        """Puts what is queued behind the backlog; whether the end came up."""
        ended = False
        while not self._queue.empty():
            if (job := self._queue.get()) is None:
                ended = True
            else:
                self._backlog.append(job)
        return ended

    def _advance(self) -> bool:
        """Commits the next group; false if the database cannot be used now."""
        try:
            done = self._commit()
        except IntegrityError as error:
            done = self._refuse(error)
        except Error as error:
            logger.warning("writing failed, and is repeated: %s", error)
            connection.close()
            return False
        del self._backlog[:done]
        self._singly = max(self._singly - done, 0)
        return True

    def _group(self) -> list[Job[Any]]:
        return self._backlog[: 1 if self._singly else self.GROUP]

    def _commit(self) -> int:
        """How many jobs are done: those of the group, or those of the one in doubt, if that was committed."""
        with transaction.atomic():
            if CommittedGroup.objects.begin(writer=self._id, number=self.groups + 1):
                self._end_doubt()
                self._tried_at = time.monotonic()
                self._in_doubt = carry_out_group(self._group())
        done, self._in_doubt = self._in_doubt, []
        self.groups += 1
        deliver(done)
        return len(done)

    def _refuse(self, error: IntegrityError) -> int:
        """A constraint that is checked at the commit has refused the group: only the operation at fault may suffer."""
        self._in_doubt, group = [], self._group()
        if len(group) > 1:
            self._singly = len(group)
            return 0
        deliver([(group[0], Failure(error))])
        return 1

    def _end_doubt(self) -> None:
        """The group in doubt was not committed: it is tried again, but for those who were late the last time."""
        late = [job for job, _ in self._in_doubt if job.deadline < self._tried_at]
        self._in_doubt = []
        self._drop(late)

    def _drop_impatient(self) -> None:
        """What is in doubt stays: it may have been committed, and then it has happened."""
        now = time.monotonic()
        if now >= self._gives_up_at:
            late = self._backlog
            self._in_doubt, self._id = [], uuid.uuid4().hex
        else:
            late = [job for job in self._backlog[len(self._in_doubt) :] if job.deadline < now]
        self._drop(late)

    def _drop(self, late: list[Job[Any]]) -> None:
        self._backlog = [job for job in self._backlog if job not in late]
        deliver([(job, Failure(DatabaseUnavailable())) for job in late])
