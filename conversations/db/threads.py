"""The base class of the threads that use the database on behalf of the event loop."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from abc import ABC, abstractmethod
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections

from conversations.db.jobs import Job

T = TypeVar("T")


class DatabaseUnavailable(Exception):
    """The database could not be used within the call's timeout."""

    def __str__(self) -> str:
        return "The database cannot be reached"


def leave_pool() -> None:
    """Gives this thread a database connection of its own instead of one from the pool.

    A pool suits threads that come and go. It reports only that its timeout has passed, and reconnects on its own
    schedule; a thread with a connection of its own learns at once why there is none.
    """
    if "pool" in connection.settings_dict["OPTIONS"]:
        own = connection.copy()
        del own.settings_dict["OPTIONS"]["pool"]
        connections[DEFAULT_DB_ALIAS] = own


class DatabaseThreads(ABC):
    """Up to `size` daemon threads over one queue of jobs. Each closes its database connections when it ends."""

    def __init__(self, name: str, size: int) -> None:
        self._name, self._size = name, size
        self._queue: queue.SimpleQueue[Job[Any] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def stop(self, timeout: float = 10.0) -> None:
        """Runs the queued jobs, then ends the threads; waits at most `timeout` seconds. A new job starts them again."""
        deadline = time.monotonic() + timeout
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._threads = [thread for thread in self._threads if thread.is_alive()]

    def _enqueue(self, job: Job[T]) -> asyncio.Future[T]:
        if len(self._threads) < self._size:
            thread = threading.Thread(target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._queue.put(job)
        return job.future

    def _work(self) -> None:
        leave_pool()
        try:
            while (job := self._queue.get()) is not None:
                self._run(job)
        finally:
            connections.close_all()

    @abstractmethod
    def _run(self, job: Job[Any]) -> None: ...
