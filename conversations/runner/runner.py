"""Owns the runs of this process: starts, stores and stops them, and takes over those of dead processes.

No run depends on a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from conversations import store
from conversations.db.threads import DatabaseUnavailable
from conversations.db.writer import MAX_RETRY_PAUSE
from conversations.errors import RESTARTING, Unavailable
from conversations.models import Conversation, Run
from conversations.queries.leases import leases_of_others
from conversations.queries.stored_runs import run_identity
from conversations.runner import revocation
from conversations.runner.adaptive_delay import AdaptiveDelay
from conversations.runner.cluster.inbox import Inbox
from conversations.runner.cluster.peers import Peers
from conversations.runner.dependencies import RunDependencies
from conversations.runner.revocation import RevocationWatch
from conversations.runner.run_task import RunTask
from conversations.runner.subscribers import Question, Subscribers
from conversations.runs.leases import LeaseWatch, SeenLease
from conversations.runs.live import LiveRun

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)

CHECKPOINT_INTERVAL = 1.0
"""Seconds between two checkpoints of growing answers."""
WRITE_TIMEOUT = 10.0
"""Seconds that a person's request waits for the database before it is refused."""
PEERS_INTERVAL = 1.0
"""Seconds between two checks of what messages from other processes may have been lost."""
HANDOVER_TIMEOUT = 5.0
"""Seconds in which a stopping process stores and releases its runs, after the grace period."""
CLOSE_TIMEOUT = 2.0
"""Seconds for closing all connections, and again for ending the database threads."""
CONFIRM_TIMEOUT = 1.0
"""Seconds that a run waits to confirm its ownership, with a database that may be away."""
HOUSEKEEPING_INTERVAL = 3600.0
MAX_RECENTLY_ENDED = 1000
"""Ids of ended runs that are kept: more than can end while a query runs."""


@dataclass(frozen=True, slots=True)
class RunnerLimits:
    """`heartbeat` is how many seconds an owner may be silent, `shutdown_grace` how many live runs get at a stop."""

    max_runs_per_user: int = 5
    heartbeat: float = 10
    shutdown_grace: float = 5


class Runner:
    """The runner of one process. Everything but the database threads happens in one event loop."""

    def __init__(
        self,
        *,
        dependencies: RunDependencies,
        subscribers: Subscribers,
        adaptive_delay: AdaptiveDelay,
        limits: RunnerLimits,
        inbox: Inbox | None = None,
    ) -> None:
        """`inbox` is this process's address among others; without one, it serves alone."""
        self.owner = inbox.address if inbox else uuid.uuid4().hex
        self.subscribers = subscribers
        self.catalog = dependencies.catalog
        self.readers = dependencies.readers
        self.tools = dependencies.tools
        self.revocation = RevocationWatch(dependencies.readers)
        self.is_handing_over = False
        self._adaptive_delay = adaptive_delay
        self._dependencies = dependencies
        self._limits = limits
        self._tasks: dict[str, RunTask] = {}
        self._by_conversation: dict[str, RunTask] = {}
        self._recently_ended: deque[str] = deque(maxlen=MAX_RECENTLY_ENDED)
        self._background: set[asyncio.Task[Any]] = set()
        self._starting: set[asyncio.Task[None]] = set()
        """Tasks that start runs once something is stored."""
        self._peers = Peers(inbox, self.readers, subscribers, self, self._spawn) if inbox else None
        self._leases = LeaseWatch(limits.heartbeat)
        self._heartbeat_at = time.monotonic()
        self._confirming: asyncio.Task[None] | None = None
        self._stopping = False

    # Life of the process

    def start(self) -> None:
        """Starts the periodic work."""
        self._spawn(self._adaptive_delay.run())
        if self._peers is not None:
            self._peers.start()
            self._spawn(self._repeat(PEERS_INTERVAL, self._peers.maintain))
        self._spawn(self._repeat(CHECKPOINT_INTERVAL, self._save_all))
        self._spawn(self._repeat(revocation.INTERVAL, self.revocation.check))
        self._spawn(self._repeat(self._limits.heartbeat / 4, self._record_heartbeat))
        self._spawn(self._repeat(self._limits.heartbeat / 4, self.claim_expired_runs))
        self._spawn(self._repeat(HOUSEKEEPING_INTERVAL, self._delete_expired_requests))

    async def stop(self, grace: float | None = None) -> None:
        """Starts no new runs, lets live ones end for `grace` seconds, hands over the rest, and closes all connections.

        Ends in bounded time even if the database is away: runs that could not be stored are taken over by another
        process once their leases expire.
        """
        self._stopping = True
        await self._wait_for_runs(self._limits.shutdown_grace if grace is None else grace)
        if self._tasks or self.is_starting_runs:
            await self._hand_over()
        await self.subscribers.close_all(CLOSE_TIMEOUT)
        if self._peers is not None:
            await self._peers.stop(CLOSE_TIMEOUT)
        for task in list(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await asyncio.to_thread(self._dependencies.writer.stop, CLOSE_TIMEOUT)
        await asyncio.to_thread(self._dependencies.readers.stop, CLOSE_TIMEOUT)
        await self._dependencies.client.close()

    async def _hand_over(self) -> None:
        """From now on a new run is refused, or handed over as soon as it has started."""
        self.is_handing_over = True
        self._dependencies.writer.give_up_after(HANDOVER_TIMEOUT - MAX_RETRY_PAUSE)
        for task in self._tasks.values():
            task.hand_over()
        await self._wait_for_runs(HANDOVER_TIMEOUT)
        if self._peers is not None:
            await self._peers.runs_handed_over()

    async def _wait_for_runs(self, seconds: float) -> None:
        """Waits until no run is live or starting, for at most so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.is_starting_runs or any(not task.is_done for task in self._tasks.values()):
                    for starting in list(self._starting):
                        await asyncio.wait([starting])
                    for task in list(self._tasks.values()):
                        await task.wait()

    @property
    def is_starting_runs(self) -> bool:
        """Whether something is being stored that may start runs."""
        return bool(self._starting)

    # Live runs

    @property
    def is_single_process(self) -> bool:
        """Whether all live runs are those of this process."""
        return self._peers is None

    def live_run(self, conversation_id: str) -> LiveRun | None:
        """Returns the conversation's live run, if it is made or watched by this process."""
        task = self._by_conversation.get(conversation_id)
        if task is not None:
            return task.live
        return self._peers.replicas.live_in(conversation_id) if self._peers else None

    def live_run_id(self, conversation: Conversation) -> str | None:
        """Returns the id of the conversation's live run, on whichever process.

        The annotation `live_run_id` of the row, where it was read, tells of other processes' runs; of this process's
        it may be outdated.
        """
        is_local = str(conversation.pk) in self._by_conversation
        if not is_local and not self.is_single_process and hasattr(conversation, "live_run_id"):
            run_id = str(conversation.live_run_id or "")
            return None if run_id in self._recently_ended else run_id or None
        live = self.live_run(str(conversation.pk))
        return live.identity.run_id if live is not None else None

    def find(self, run_id: str) -> tuple[LiveRun, int] | None:
        """Returns a live run of this process with its attempt."""
        task = self._tasks.get(run_id)
        return (task.live, task.run.attempt) if task else None

    def follow(self, run: Run, stored: LiveRun) -> LiveRun | None:
        """Returns the live run for subscribers here, on whichever process it is made; `stored` is what the database
        has of it. None if its process cannot be reached."""
        if (task := self._tasks.get(str(run.pk))) is not None:
            if run.attempt > task.run.attempt:  # another process took it over: our next write would fail
                task.cancel()
            return task.live
        if self._peers is None or run.owner == self.owner:
            return None
        return self._peers.replicas.follow(run, stored)

    # Starting runs

    async def ask(
        self,
        question: store.Question,
        options: store.RunOptions,
        *,
        key: store.RequestKey | None,
        acknowledge: Callable[[dict[str, Any]], None],
    ) -> None:
        """Stores the question and starts its run, also if the caller is cancelled meanwhile.

        `acknowledge` gets the result after the commit, before any notification. Raises RequestError.
        """
        if self._stopping:
            raise Unavailable(RESTARTING)

        async def store_and_start() -> None:
            policy = store.RunPolicy(
                self.owner, self.catalog.available, self._limits.max_runs_per_user, lambda: self.is_handing_over
            )
            stored, result = await self.write(
                store.ask_once, key=key, question=question, options=options, policy=policy
            )
            acknowledge(result)
            if stored is not None:
                self._start_run(stored.run, (stored.user_message, stored.siblings) if stored.is_new else None)
                self.subscribers.conversation_changed(stored.conversation)

        await self._shield_start(store_and_start())

    async def take_over_all_runs(self) -> None:
        """Takes over the live runs of all other owners. Their processes must be known to be dead."""
        await self._take_over(await self.readers.run(leases_of_others, self.owner))

    async def claim_expired_runs(self) -> None:
        """Takes over the live runs that were handed over, or whose owners show no heartbeat any more."""
        try:
            leases = await self.readers.run(leases_of_others, self.owner)
        except DatabaseUnavailable:
            self._leases.reset()
            return
        if not self._stopping and (expired := self._leases.update(leases)):
            await self._shield_start(self._take_over(expired))

    async def _take_over(self, leases: Collection[SeenLease]) -> None:
        # A run that this process has lost, but not ended yet, ends first and hands its subscribers over.
        leases = [lease for lease in leases if str(lease.run_id) not in self._tasks]
        for run in await self._dependencies.writer.submit(store.claim_runs, owner=self.owner, leases=leases):
            logger.warning("run %s goes on here: the process that made it has ended", run.pk)
            self._start_run(run)

    async def _shield_start(self, starting: Coroutine[Any, Any, None]) -> None:
        """Awaits work that starts runs. It goes on if the caller is cancelled, and a stop waits for it."""
        task = self._spawn(starting)
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        await asyncio.shield(task)

    def _start_run(self, run: Run, question: Question | None = None) -> None:
        live = self._peers.replicas.adopt(str(run.pk)) if self._peers else None
        live = live or LiveRun(run_identity(run))
        task = RunTask(run, live, self._dependencies, confirm=self._confirm, on_end=self._on_end, on_loss=self._on_loss)
        self._tasks[live.identity.run_id] = self._by_conversation[live.identity.conversation_id] = task
        self.subscribers.run_started(live, question)
        task.start()
        if self.is_handing_over:
            task.hand_over()
        if self._peers is not None:
            self._peers.run_started(run)

    # Stopping runs

    def cancel(self, run_id: str) -> None:
        """Cancels the run if it is made by this process."""
        if (task := self._tasks.get(run_id)) is not None:
            task.cancel()

    def cancel_everywhere(self, run_id: str) -> None:
        """Cancels the run on whichever process. That it is to stop must be stored already."""
        if run_id in self._tasks:
            self.cancel(run_id)
        elif self._peers is not None:
            self._peers.cancel(run_id)

    def cancel_in(self, conversation_id: str) -> None:
        """Cancels the conversation's run if it is made by this process."""
        if (task := self._by_conversation.get(conversation_id)) is not None:
            task.cancel()

    def _on_end(self, task: RunTask, conversation: Conversation | None) -> None:
        self._remove(task)
        if conversation is not None:
            self._recently_ended.append(task.live.identity.run_id)
            self.conversation_changed(conversation)

    def _on_loss(self, task: RunTask) -> None:
        """Another process owns the run now: its subscribers here follow it there."""
        self._remove(task)
        if self._peers is None:
            self.subscribers.close_followers(task.live.identity.conversation_id)
        else:
            self._peers.replicas.follow_elsewhere(task.run, task.live)

    def _remove(self, task: RunTask) -> None:
        identity = task.live.identity
        if self._tasks.get(identity.run_id) is task:
            del self._tasks[identity.run_id]
        if self._by_conversation.get(identity.conversation_id) is task:
            del self._by_conversation[identity.conversation_id]

    # Conversations

    async def write(self, operation: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Carries out an operation of the store and returns its result once it is committed. Raises RequestError."""
        try:
            return await self._dependencies.writer.submit_with_timeout(WRITE_TIMEOUT, operation, *args, **kwargs)
        except DatabaseUnavailable as error:
            raise Unavailable from error

    def conversation_changed(self, conversation: Conversation) -> None:
        """Notifies every connection of the owner, on every process."""
        self.subscribers.conversation_changed(conversation)
        if self._peers is not None:
            self._peers.conversation_changed(conversation)

    def conversation_deleted(self, *, user_id: int, conversation_id: str) -> None:
        """Cancels its run, and notifies every connection of the owner, on every process."""
        self.cancel_in(conversation_id)
        self.subscribers.conversation_deleted(user_id, conversation_id)
        if self._peers is not None:
            self._peers.conversation_deleted(user_id, conversation_id)

    # Periodic work

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _repeat(self, interval: float, action: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(interval)
            try:
                await action()
            except DatabaseUnavailable:
                logger.debug("%s: the database is away", action)  # the database threads have logged it
            except Exception:
                logger.exception("%s failed", action)

    async def _save_all(self) -> None:
        for task in list(self._tasks.values()):
            task.save()

    async def _record_heartbeat(self) -> None:
        started, tasks = time.monotonic(), list(self._tasks.values())
        owned = await self._dependencies.writer.submit(store.record_heartbeat, owner=self.owner) if tasks else {}
        for task in tasks:
            if owned.get(task.run.pk, True):  # it is to stop, or is another's now: its last commit finds out which
                task.cancel()
        self._heartbeat_at = started

    async def _confirm(self) -> None:
        """Cancels those of our runs that another process has taken over, as it may if this one stood still.

        It does not while it sees our heartbeat, nor while the database is away, for which a run waits briefly. All
        runs wait for the same heartbeat; one from before this process stood still proves nothing.
        """
        with contextlib.suppress(TimeoutError, DatabaseUnavailable):
            async with asyncio.timeout(CONFIRM_TIMEOUT):
                while time.monotonic() - self._heartbeat_at >= self._limits.heartbeat:
                    if self._confirming is None or self._confirming.done():
                        self._confirming = self._spawn(self._record_heartbeat())
                    await asyncio.shield(self._confirming)

    async def _delete_expired_requests(self) -> None:
        await self._dependencies.writer.submit(store.delete_expired_requests)
