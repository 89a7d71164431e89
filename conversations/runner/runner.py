"""Owns the runs of this process: starts, stops, stores and ends them. No run depends on a connection."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, ParamSpec, TypeVar

from conversations import store
from conversations.db.threads import DatabaseUnavailable
from conversations.db.writer import LONGEST_PAUSE
from conversations.errors import Unavailable
from conversations.models import Conversation, Run
from conversations.queries.leases import leases_of_others
from conversations.queries.stored_runs import identity_of
from conversations.runner import revocation
from conversations.runner.adaptive_delay import Pace
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
"""Seconds between two stores of what grows."""
PATIENCE = 10.0
"""Seconds that a person's request waits for the database before it is refused."""
PEERS_INTERVAL = 1.0
"""Seconds between two looks at what other processes may have failed to tell."""
HANDING_OVER_SECONDS = 5.0
"""How long a stop tries to store what there is, when its grace is over."""
CLOSING_SECONDS = 2.0
"""How long closing all connections may take, and then the database's threads."""
RESTARTING = "The server is restarting. Please try again in a moment."
HOUSEKEEPING_INTERVAL = 3600.0
CONFIRMED_WITHIN = 1.0
"""Seconds that a run waits to know whether it is still ours, with a database that may be away."""
ENDED_REMEMBERED = 1000
"""Runs: more than can end while a query is carried out."""


@dataclass(frozen=True, slots=True)
class RunnerLimits:
    """`heartbeat` in seconds: how long an owner may be silent."""

    max_runs_per_user: int = 5
    heartbeat: float = 10
    shutdown_grace: float = 5


class Runner:
    """One per process. Everything but the database's threads happens in one event loop."""

    def __init__(
        self,
        *,
        dependencies: RunDependencies,
        subscribers: Subscribers,
        pace: Pace,
        limits: RunnerLimits,
        inbox: Inbox | None = None,
    ) -> None:
        self.owner = inbox.address if inbox else uuid.uuid4().hex
        self.subscribers = subscribers
        self.pace = pace
        self.catalog = dependencies.catalog
        self.readers = dependencies.readers
        self.tools = dependencies.tools
        self.revocation = RevocationWatch(dependencies.readers)
        self._dependencies = dependencies
        self._limits = limits
        self._runs: dict[str, RunTask] = {}
        self._by_conversation: dict[str, RunTask] = {}
        self._ended_here: deque[str] = deque(maxlen=ENDED_REMEMBERED)
        self._background: set[asyncio.Task[Any]] = set()
        self._beginning: set[asyncio.Task[None]] = set()
        """What may begin runs when it is stored."""
        self._peers = Peers(inbox, self.readers, subscribers, self, self._spawn) if inbox else None
        self._leases = LeaseWatch(limits.heartbeat)
        self._beaten_at = time.monotonic()
        self._confirming: asyncio.Task[None] | None = None
        self._stopping = False
        self.is_handing_over = False

    def start(self) -> None:
        """Begins what goes on beside the runs."""
        self._spawn(self.pace.keep())
        if self._peers is not None:
            self._peers.start()
            self._spawn(self._every(PEERS_INTERVAL, self._peers.look_after))
        self._spawn(self._every(CHECKPOINT_INTERVAL, self._save))
        self._spawn(self._every(revocation.INTERVAL, self.revocation.check))
        self._spawn(self._every(self._limits.heartbeat / 4, self._beat))
        self._spawn(self._every(self._limits.heartbeat / 4, self.look_at_leases))
        self._spawn(self._every(HOUSEKEEPING_INTERVAL, self._forget))

    async def stop(self, grace: float | None = None) -> None:
        """Takes no new runs, gives the live ones their grace, hands over what is left, and closes the connections.

        Ends in a known time, also if the database is away: what it does not take is taken up when its lease is over.
        """
        self._stopping = True
        await self._settle(self._limits.shutdown_grace if grace is None else grace)
        if self._runs or self.is_beginning:
            await self._hand_over()
        await self.subscribers.restarting(CLOSING_SECONDS)
        if self._peers is not None:
            await self._peers.stop(CLOSING_SECONDS)
        for background in list(self._background):
            background.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await asyncio.to_thread(self._dependencies.writer.stop, CLOSING_SECONDS)
        await asyncio.to_thread(self._dependencies.readers.stop, CLOSING_SECONDS)
        await self._dependencies.client.close()

    async def _hand_over(self) -> None:
        """What begins from now on is refused, or handed over as soon as it has begun."""
        self.is_handing_over = True
        self._dependencies.writer.give_up_after(HANDING_OVER_SECONDS - LONGEST_PAUSE)
        for task in self._runs.values():
            task.hand_over()
        await self._settle(HANDING_OVER_SECONDS)
        if self._peers is not None:
            await self._peers.runs_handed_over()

    async def _settle(self, within: float) -> None:
        """Returns when no run is made or about to begin, after so many seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self.is_beginning or any(not task.is_over for task in self._runs.values()):
                    for beginning in list(self._beginning):
                        await asyncio.wait([beginning])
                    for task in list(self._runs.values()):
                        await task.wait()

    @property
    def is_beginning(self) -> bool:
        """Whether runs may begin by what is being stored."""
        return bool(self._beginning)

    def live_in(self, conversation_id: str) -> LiveRun | None:
        """The conversation's live run, if it is made or followed here."""
        task = self._by_conversation.get(conversation_id)
        if task is not None:
            return task.live
        return self._peers.replicas.live_in(conversation_id) if self._peers else None

    def follow(self, run: Run, stored: LiveRun) -> LiveRun | None:
        """A live run, also one of another process, which is kept here like there, at first as it is stored; None
        without any way to it."""
        if (task := self._runs.get(str(run.pk))) is not None:
            if run.attempt > task.run.attempt:  # another has taken it: the last commit will be refused
                task.cancel()
            return task.live
        if self._peers is None or run.owner == self.owner:
            return None
        return self._peers.replicas.follow(run, stored)

    @property
    def is_alone(self) -> bool:
        """Whether no other process is known of, and all live runs are made here."""
        return self._peers is None

    def live_run_id(self, conversation: Conversation) -> str | None:
        """The rows know best of other processes, if the conversation was read with its `live_run_id`; of this one they
        may have been read before a run ended."""
        made_here = self._by_conversation.get(str(conversation.pk))
        if made_here is None and not self.is_alone and hasattr(conversation, "live_run_id"):
            run_id = str(conversation.live_run_id or "")
            return None if run_id in self._ended_here else run_id or None
        live = self.live_in(str(conversation.pk))
        return live.identity.run_id if live is not None else None

    def find(self, run_id: str) -> tuple[LiveRun, int] | None:
        """A run that is made here, and which attempt it is."""
        task = self._runs.get(run_id)
        return (task.live, task.run.attempt) if task else None

    async def ask(
        self,
        question: store.Question,
        options: store.RunOptions,
        *,
        key: store.RequestKey | None,
        acknowledge: Callable[[dict[str, Any]], None],
    ) -> None:
        """Stores the question and starts its run. `acknowledge` gets the result after the commit, before anything is
        told to anybody. Goes on if the caller is cancelled. Raises RequestError."""
        if self._stopping:
            raise Unavailable(RESTARTING)
        await self._begin_with(self._ask(partial(store.ask, question=question, options=options), key, acknowledge))

    async def note_cancel(self, *, user_id: int, run_id: uuid.UUID) -> None:
        """Stores that the run is to stop; its owner sees it at its next beat, if not before. Raises NotFound."""
        await self.write(store.request_cancel, user_id=user_id, run_id=run_id)

    def cancel(self, run_id: str) -> None:
        """Stops the run at once, if it is made here."""
        if (task := self._runs.get(run_id)) is not None:
            task.cancel()

    def cancel_anywhere(self, run_id: str) -> None:
        """Stops the run, whose end was asked for and stored, wherever it is made."""
        if run_id in self._runs:
            self.cancel(run_id)
        elif self._peers is not None:
            self._peers.cancel(run_id)

    def cancel_in(self, conversation_id: str) -> None:
        if (task := self._by_conversation.get(conversation_id)) is not None:
            task.cancel()

    def conversation_changed(self, conversation: Conversation) -> None:
        """Tells every connection of the owner, on whichever process."""
        self.subscribers.conversation_changed(conversation)
        if self._peers is not None:
            self._peers.conversation_changed(conversation)

    def conversation_deleted(self, *, user_id: int, conversation_id: str) -> None:
        """Stops its run, and tells every connection of the owner."""
        self.cancel_in(conversation_id)
        self.subscribers.conversation_deleted(user_id, conversation_id)
        if self._peers is not None:
            self._peers.conversation_deleted(user_id, conversation_id)

    async def write(self, operation: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Carries out an operation of the store; after it returns, it is on disk. Raises RequestError."""
        try:
            return await self._dependencies.writer.submit_with_patience(PATIENCE, operation, *args, **kwargs)
        except DatabaseUnavailable as error:
            raise Unavailable from error

    async def go_on_with_abandoned(self) -> None:
        """Takes up the live runs of all other owners, which are known to be dead."""
        await self._take_up(await self.readers.run(leases_of_others, self.owner))

    async def look_at_leases(self) -> None:
        """Takes up the live runs whose owners have handed them over, or show no sign of life any more."""
        try:
            leases = await self.readers.run(leases_of_others, self.owner)
        except DatabaseUnavailable:
            self._leases.forget()
            return
        if not self._stopping and (dead := self._leases.look(leases)):
            await self._begin_with(self._take_up(dead))

    async def _begin_with(self, beginning: Coroutine[Any, Any, None]) -> None:
        """Carries out what begins runs. It goes on if the caller is cancelled, and a stop waits for it."""
        task = self._spawn(beginning)
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)
        await asyncio.shield(task)

    async def _take_up(self, leases: Collection[SeenLease]) -> None:
        """But what is still made here, though it was lost: that ends first, and brings its followers along."""
        leases = [lease for lease in leases if str(lease.run_id) not in self._runs]
        for run in await self._dependencies.writer.submit(store.claim_runs, owner=self.owner, leases=leases):
            logger.warning("run %s goes on here: the process that made it has ended", run.pk)
            self._begin(run)

    async def _ask(
        self,
        ask: Callable[..., store.Asked],
        key: store.RequestKey | None,
        acknowledge: Callable[[dict[str, Any]], None],
    ) -> None:
        policy = store.RunPolicy(self.owner, self.catalog.choice, self._limits.max_runs_per_user)
        store_question = partial(self._unless_handing_over, partial(ask, policy=policy))
        asked, result = await self.write(store.once, key=key, operation=store_question, encode=_asked_result)
        acknowledge(result)
        if asked is not None:
            self._launch(asked)

    def _unless_handing_over(self, ask: Callable[[], store.Asked]) -> store.Asked:
        """In the writer thread: nothing is stored any more whose run would have to wait for the next start."""
        if self.is_handing_over:
            raise Unavailable(RESTARTING)
        return ask()

    def _launch(self, asked: store.Asked) -> None:
        self._begin(asked.run, (asked.user_message, asked.siblings) if asked.is_new else None)
        self.subscribers.conversation_changed(asked.conversation)

    def _begin(self, run: Run, question: Question | None = None) -> None:
        live = self._peers.replicas.adopt(str(run.pk)) if self._peers else None
        live = live or LiveRun(identity_of(run))
        task = RunTask(run, live, self._dependencies, confirm=self._confirm, on_end=self._ended, on_loss=self._lost)
        self._runs[live.identity.run_id] = self._by_conversation[live.identity.conversation_id] = task
        self.subscribers.run_started(live, question)
        task.start()
        if self.is_handing_over:
            task.hand_over()
        if self._peers is not None:
            self._peers.run_begun(run)

    def _ended(self, task: RunTask, conversation: Conversation | None) -> None:
        self._remove(task)
        if conversation is not None:
            self._ended_here.append(task.live.identity.run_id)
            self.conversation_changed(conversation)

    def _lost(self, task: RunTask) -> None:
        """Another process makes the run now: whoever follows it here goes on with it there."""
        self._remove(task)
        if self._peers is None:
            self.subscribers.send_away(task.live.identity.conversation_id)
        else:
            self._peers.replicas.go_on_with(task.run, task.live)

    def _remove(self, task: RunTask) -> None:
        identity = task.live.identity
        if self._runs.get(identity.run_id) is task:
            del self._runs[identity.run_id]
        if self._by_conversation.get(identity.conversation_id) is task:
            del self._by_conversation[identity.conversation_id]

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _every(self, interval: float, action: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(interval)
            try:
                await action()
            except DatabaseUnavailable:
                logger.debug("%s: the database is away", action)  # whose threads have said so
            except Exception:
                logger.exception("%s failed", action)

    async def _save(self) -> None:
        for task in list(self._runs.values()):
            task.save()

    async def _beat(self) -> None:
        since, tasks = time.monotonic(), list(self._runs.values())
        mine = await self._dependencies.writer.submit(store.beat, owner=self.owner) if tasks else {}
        for task in tasks:
            if mine.get(task.run.pk, True):  # it is to stop, or another's: its last commit shows which
                task.cancel()
        self._beaten_at = since

    async def _confirm(self) -> None:
        """Cancels those of our runs that another process has taken, which it may have if this one stood still.

        It cannot while it sees our beat, nor while the database is away, for which a run does not wait long. All wait
        for the same beat; one from before we stood still says nothing.
        """
        with contextlib.suppress(TimeoutError, DatabaseUnavailable):
            async with asyncio.timeout(CONFIRMED_WITHIN):
                while time.monotonic() - self._beaten_at >= self._limits.heartbeat:
                    if self._confirming is None or self._confirming.done():
                        self._confirming = self._spawn(self._beat())
                    await asyncio.shield(self._confirming)

    async def _forget(self) -> None:
        await self._dependencies.writer.submit(store.delete_expired_requests)


def _asked_result(asked: store.Asked) -> dict[str, Any]:
    return {
        "conversation_id": str(asked.conversation.pk),
        "message_id": str(asked.user_message.pk),
        "run_id": str(asked.run.pk),
        "assistant_message_id": str(asked.message.pk),
    }
