"""One run being made: the loop's events go into the live run, and from there to the database."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial

from conversations import store
from conversations.db.threads import DatabaseUnavailable
from conversations.llm.completion import Completion
from conversations.llm.types import TextDelta, ThinkingDelta, ToolCallDelta
from conversations.llm.usage import estimate_usage
from conversations.models import Conversation, Run
from conversations.providers.catalog import CatalogEntry
from conversations.runner.dependencies import RunDependencies
from conversations.runner.preparation import Prepared, is_at_hand, load_run, prepare_run
from conversations.runner.resumption import OUTCOME_UNKNOWN, Resumption
from conversations.runs.checkpoint import Checkpoint, take_checkpoint
from conversations.runs.codec import bring
from conversations.runs.events import (
    CallStatusChanged,
    IterationCut,
    IterationFinished,
    IterationStarted,
    ResultAdded,
    RunCompleted,
    RunFailed,
    StepEvent,
    StepGrew,
    ThinkingFinished,
)
from conversations.runs.live import Cursor, LiveRun, Outcome, answer_text
from conversations.runs.loop import execute_run
from conversations.store import workspaces
from tools.executor import ToolExecutor
from tools.types import Tool, ToolCall

logger = logging.getLogger(__name__)

STORED_WITHIN = 1.0
"""Seconds that the next model call waits for the results of tools to be stored."""


def _failed(code: str, content: str, *, retryable: bool, retry_after: float | None = None) -> Outcome:
    return Outcome("failed", error_code=code, error_content=content, retryable=retryable, retry_after=retry_after)


CANCELLED = Outcome("cancelled", finish_reason="cancelled")
INTERRUPTED = _failed("interrupted", "The server stopped while this was being answered", retryable=True)
INTERNAL = _failed("internal", "Internal error", retryable=True)
UNTIL_TAKEN_UP = "it is taken up when this process counts as dead"


class RunTask:
    """`on_end` is called once, after the last commit, with the conversation as it then is (None if it is gone), or
    `on_loss` if another process has taken the run: then nobody is told of an end here. `confirm` is awaited before the
    model is asked, and cancels us if another process may have asked it already."""

    def __init__(
        self,
        run: Run,
        live: LiveRun,
        dependencies: RunDependencies,
        *,
        confirm: Callable[[], Awaitable[None]],
        on_end: Callable[[RunTask, Conversation | None], None],
        on_loss: Callable[[RunTask], None],
    ) -> None:
        self.run = run
        self.live = live
        self._dependencies = dependencies
        self._confirm = confirm
        self._on_end = on_end
        self._on_loss = on_loss
        self._lease = store.Lease(run.pk, run.user_id, run.owner or "", run.attempt)
        self._stored = Cursor(live)
        self._saving: asyncio.Future[bool] | None = None
        self._save_again = False
        self._task: asyncio.Task[None] | None = None
        self._begun = False
        self._stopped: Outcome | None = None
        self._ending = False
        self._handed_over = False
        self._iteration_stored: asyncio.Future[bool] | None = None
        self._unknown: frozenset[str] = frozenset()
        self._call: IterationStarted | None = None
        self._call_since = 0.0
        self._retry = 0
        self._failed_call: store.LedgerEntry | None = None
        self._prompt_tokens = 0
        self._completion_tokens = 0

    def start(self) -> None:
        self._task = asyncio.create_task(self._make(), name=f"run {self.run.pk}")

    def cancel(self) -> None:
        self.stop(CANCELLED)

    def interrupt(self) -> None:
        self.stop(INTERRUPTED)

    def hand_over(self) -> None:
        """Leaves the run, as far as it is, to whoever takes it up."""
        if not self._ending:
            self._handed_over = True
            self.interrupt()

    def stop(self, outcome: Outcome) -> None:
        """Ends the run so, unless it is ending already. What there is of the answer is kept."""
        if self._task is not None and not self._ending and self._stopped is None:
            self._stopped = outcome
            if self._begun:  # else it sees when it begins; a task that is cancelled before would never do so
                self._task.cancel()

    @property
    def is_over(self) -> bool:
        return self._task is not None and self._task.done()

    async def wait(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task])

    def save(self) -> None:
        """Stores what is new, behind what is being stored already."""
        if self._ending or not self._stored.behind:
            return
        if self._saving is not None and not self._saving.done():
            self._save_again = True
            return
        self._save_again = False
        progress = store.Progress(self._lease, self.run.message_id, take_checkpoint(self._stored))
        self._saving = self._dependencies.writer.submit_joint(store.save_progress, progress)
        self._saving.add_done_callback(self._saved)

    def _saved(self, saving: asyncio.Future[bool]) -> None:
        if saving.cancelled():
            return
        if (error := saving.exception()) is not None:
            logger.warning("run %s could not be stored: %r", self.run.pk, error)
            self.stop(INTERNAL)
        elif not saving.result():
            self.cancel()
        elif self._save_again:
            self.save()

    async def _make(self) -> None:
        self._begun = True
        try:
            outcome = self._stopped or await self._carry_out()
        except asyncio.CancelledError:
            if self._stopped is None:
                raise
            outcome = self._stopped
        except store.RunLost:
            outcome = CANCELLED  # deleted, or another's now: the last commit shows which
        except Exception:
            logger.exception("run %s failed", self.run.pk)
            outcome = INTERNAL
        self._ending = True
        await (self._let_go() if self._handed_over else self._end(outcome))

    async def _carry_out(self) -> Outcome:
        entry = self._dependencies.catalog.get(self.run.model)
        if entry is None:
            return _failed("unknown_model", "The LLM service does not know this model", retryable=False)
        prepared = await self._prepare(entry)
        if prepared.resumption is not None:
            await self._take_up(prepared.resumption)
        if self.run.crashes >= self._dependencies.limits.max_attempts:
            return INTERRUPTED
        stream = partial(self._dependencies.client.stream, entry.endpoint)
        executor = self._executor(prepared)
        async with aclosing(execute_run(prepared.plan, stream=stream, executor=executor)) as events:
            async for event in events:
                match event:
                    case RunCompleted():
                        return Outcome("complete", finish_reason=event.finish_reason)
                    case RunFailed():
                        return _failed(
                            event.code, event.content, retryable=event.retryable, retry_after=event.retry_after
                        )
                    case IterationStarted():
                        await self._results_stored()
                        await self._confirm()
                        self._call, self._call_since = event, time.monotonic()
                    case _:
                        self._note(event)
        raise AssertionError("a run ends with RunCompleted or RunFailed")

    async def _prepare(self, entry: CatalogEntry) -> Prepared:
        if is_at_hand(self.run):
            return prepare_run(self.run, entry, self._dependencies)
        return await self._dependencies.readers.run(
            lambda: prepare_run(load_run(self.run.pk), entry, self._dependencies)
        )

    async def _results_stored(self) -> None:
        """The model is told of results once they are stored: had another process taken the run, we stop here. We do
        not wait long for a database that is away."""
        with suppress(TimeoutError):
            async with asyncio.timeout(STORED_WITHIN):
                while self._saving is not None and not self._saving.done():
                    await asyncio.wait([self._saving])

    def _note(self, event: StepEvent | IterationCut | IterationFinished) -> None:
        match event:
            case StepGrew():
                self.live.apply(event)
            case IterationCut():
                self._cut_iteration(event)
            case IterationFinished():
                self._finish_iteration(event)
            case ResultAdded():
                self.live.apply(event)
                self.save()
            case _:
                self.live.apply(event)

    async def _take_up(self, resumption: Resumption) -> None:
        """Shows what is kept of the run, and clears what is void away."""
        bring(self.live, resumption.kept)
        take_checkpoint(self._stored)
        self._unknown = resumption.unknown
        self._prompt_tokens = resumption.prompt_tokens
        self._completion_tokens = resumption.completion_tokens + resumption.cut_tokens
        await self._dependencies.writer.submit(
            store.begin_attempt,
            lease=self._lease,
            message_id=self.run.message_id,
            model=self.run.model,
            forgotten_from=resumption.forgotten_from,
            cut_tokens=resumption.cut_tokens,
        )

    def _executor(self, prepared: Prepared) -> ToolExecutor:
        limits = self._dependencies.limits
        return ToolExecutor(
            prepared.tools,
            prepared.context,
            max_workers=limits.tool_max_workers,
            timeout=limits.tool_timeout,
            result_limit=limits.tool_result_limit,
            gate=self._before_call,
            earlier=prepared.resumption.earlier if prepared.resumption else (),
        )

    async def _before_call(self, tool: Tool, call: ToolCall) -> str | None:
        """No tool starts before the model call that asked for it is stored; one with side effects is noted besides,
        and is refused if such a note was left by a process that ended."""
        if self._iteration_stored is not None and not await asyncio.shield(self._iteration_stored):
            raise store.RunLost
        if call.call_id in self._unknown:
            return OUTCOME_UNKNOWN
        if not tool.read_only:
            await self._dependencies.writer.submit(
                store.record_call_started, lease=self._lease, message_id=self.run.message_id, call_id=call.call_id
            )
        return None

    def _cut_iteration(self, event: IterationCut) -> None:
        """Stores, at once, that the steps of a model call are void and what they have cost."""
        entry = self._entry(event)
        self._count(entry)
        self._retry += 1
        self._dependencies.writer.submit(
            store.cut_iteration,
            lease=self._lease,
            message_id=self.run.message_id,
            checkpoint=take_checkpoint(self._stored),
            entry=entry,
        ).add_done_callback(self._saved)

    def _finish_iteration(self, event: IterationFinished) -> None:
        """Stores a model call's end. That of a failed one is stored with the run's."""
        self._call = None
        entry = self._entry(event)
        self._retry = 0
        self._count(entry)
        if event.failed:
            self._failed_call = entry
            return
        self._iteration_stored = self._dependencies.writer.submit(
            store.finish_iteration,
            lease=self._lease,
            message_id=self.run.message_id,
            checkpoint=take_checkpoint(self._stored),
            entry=entry,
            finish_reason=event.finish_reason or "",
        )
        self._iteration_stored.add_done_callback(self._saved)

    def _entry(self, event: IterationCut | IterationFinished) -> store.LedgerEntry:
        return store.LedgerEntry(
            event.iteration, self.run.model, event.usage, event.first_token_ms, event.total_ms, self._retry
        )

    def _count(self, entry: store.LedgerEntry) -> None:
        self._prompt_tokens += entry.usage.prompt
        self._completion_tokens += entry.usage.completion

    def _cut_call(self) -> store.LedgerEntry | None:
        """The ledger's row of a model call that was under way: counted from the words that had come."""
        if self._call is None:
            return None
        completion = Completion()
        for step in self.live.in_order():
            if step.iteration == self._call.iteration:
                match step.type:
                    case "thinking":
                        completion.add(ThinkingDelta(step.text))
                    case "text":
                        completion.add(TextDelta(step.text))
                    case "tool_call":
                        completion.add(ToolCallDelta(step.index, step.id_ref, step.name, step.text))
        usage = estimate_usage(self._call.request, completion)
        total_ms = round((time.monotonic() - self._call_since) * 1000)
        return store.LedgerEntry(self._call.iteration, self.run.model, usage, None, total_ms, self._retry)

    def _close_steps(self) -> None:
        """Nothing of a run that has ended is under way."""
        for step in self.live.in_order():
            if step.type == "tool_call" and step.status != "finished":
                self.live.apply(CallStatusChanged(step.index, "finished"))
            elif step.type == "thinking" and step.duration is None:
                self.live.apply(ThinkingFinished(step.index, round(time.monotonic() - step.since, 3)))

    async def _end(self, outcome: Outcome) -> None:
        self._close_steps()
        last = self._failed_call
        if (cut := self._cut_call()) is not None:
            self._count(last := cut)
        outcome = self._with_figures(outcome)
        finish = partial(
            store.finish_run, lease=self._lease, message_id=self.run.message_id, text=answer_text(self.live.in_order())
        )
        conversation = None
        try:
            conversation = await self._dependencies.writer.submit(
                partial(finish, checkpoint=take_checkpoint(self._stored), outcome=outcome, entry=last)
            )
            if conversation is None:  # it was deleted: what a tool has written since then belongs to nobody
                workspaces.remove_soon([workspaces.of_conversation(self.run.conversation_id)])
        except store.RunLost:
            self._on_loss(self)
            return
        except DatabaseUnavailable:  # only a process that stops gives up waiting for it
            logger.warning("the end of run %s could not be stored: %s", self.run.pk, UNTIL_TAKEN_UP)
            self._on_end(self, None)
            return
        except Exception:
            logger.exception("run %s could not be stored to its end", self.run.pk)
            outcome = self._with_figures(INTERNAL)
            conversation = await self._end_barely(partial(finish, checkpoint=Checkpoint(), outcome=outcome))
        self._on_end(self, conversation)
        self.live.end(outcome)

    async def _end_barely(self, finish: Callable[[], Conversation | None]) -> Conversation | None:
        """Without the last steps, which could not be stored: at least the conversation is free again."""
        try:
            return await self._dependencies.writer.submit(finish)
        except Exception:
            logger.exception("run %s: %s", self.run.pk, UNTIL_TAKEN_UP)
            return None

    async def _let_go(self) -> None:
        """Tells nobody of an end: there is none."""
        try:
            await self._dependencies.writer.submit(
                store.hand_over,
                lease=self._lease,
                message_id=self.run.message_id,
                checkpoint=take_checkpoint(self._stored),
            )
        except DatabaseUnavailable as error:
            logger.warning("run %s could not be handed over (%s): %s", self.run.pk, error, UNTIL_TAKEN_UP)
        except Exception:
            logger.exception("run %s could not be handed over: %s", self.run.pk, UNTIL_TAKEN_UP)
        finally:
            self._on_end(self, None)

    def _with_figures(self, outcome: Outcome) -> Outcome:
        return replace(
            outcome,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
            suggested_title=self.run.suggested_title,
        )
