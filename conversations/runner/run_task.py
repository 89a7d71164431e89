"""Makes one run: applies the loop's events to the live run, and stores what changed."""

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
from conversations.llm.types import TextDelta, ThinkingDelta, ToolCallDelta, Usage
from conversations.llm.usage import estimate_usage
from conversations.models import Conversation, Run
from conversations.providers.catalog import CatalogEntry
from conversations.runner.dependencies import RunDependencies
from conversations.runner.preparation import Prepared, load_run, needs_no_reading, prepare_run
from conversations.runner.resumption import OUTCOME_UNKNOWN, Resumption
from conversations.runs.checkpoint import Checkpoint, take_checkpoint
from conversations.runs.codec import replace_steps
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

RESULTS_TIMEOUT = 1.0
"""Seconds that the next model call waits for the results of tools to be stored."""


def _failed(code: str, content: str, *, retryable: bool, retry_after: float | None = None) -> Outcome:
    return Outcome("failed", error_code=code, error_content=content, retryable=retryable, retry_after=retry_after)


CANCELLED = Outcome("cancelled", finish_reason="cancelled")
INTERRUPTED = _failed("interrupted", "The server stopped while this was being answered", retryable=True)
INTERNAL = _failed("internal", "Internal error", retryable=True)
TAKEN_OVER_LATER = "another process takes it over once its lease expires"


class RunTask:
    """The task of one run.

    `confirm` is awaited before each model call, and cancels this task if another process may have made the call
    already. At the end either `on_end` is called once, after the last commit, with the conversation as stored (None if
    it is gone or the run was handed over), or `on_loss`, if another process owns the run now.
    """

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
        self._started = False
        self._stop_outcome: Outcome | None = None
        self._finishing = False
        self._handed_over = False
        self._iteration_stored: asyncio.Future[bool] | None = None
        self._unknown_calls: frozenset[str] = frozenset()
        self._call: IterationStarted | None = None
        self._call_started_at = 0.0
        self._retry = 0
        self._failed_call: store.LedgerEntry | None = None
        self._prompt_tokens = 0
        self._completion_tokens = 0

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"run {self.run.pk}")

    def cancel(self) -> None:
        self.stop(CANCELLED)

    def hand_over(self) -> None:
        """Stores the run as far as it is, and releases it for another process."""
        if not self._finishing:
            self._handed_over = True
            self.stop(INTERRUPTED)

    def stop(self, outcome: Outcome) -> None:
        """Ends the run with this outcome, unless it is ending already. The answer so far is kept."""
        if self._task is not None and not self._finishing and self._stop_outcome is None:
            self._stop_outcome = outcome
            if self._started:  # a task that is cancelled before it starts would never finish the run
                self._task.cancel()

    @property
    def is_done(self) -> bool:
        return self._task is not None and self._task.done()

    async def wait(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task])

    def save(self) -> None:
        """Stores what is new, after any save in progress."""
        if self._finishing or not self._stored.behind:
            return
        if self._saving is not None and not self._saving.done():
            self._save_again = True
            return
        self._save_again = False
        progress = store.Progress(self._lease, self.run.message_id, take_checkpoint(self._stored))
        self._saving = self._dependencies.writer.submit_batched(store.save_progress, progress)
        self._saving.add_done_callback(self._on_saved)

    def _on_saved(self, saving: asyncio.Future[bool]) -> None:
        if saving.cancelled():
            return
        if (error := saving.exception()) is not None:
            logger.warning("run %s could not be stored: %r", self.run.pk, error)
            self.stop(INTERNAL)
        elif not saving.result():
            self.cancel()
        elif self._save_again:
            self.save()

    async def _run(self) -> None:
        self._started = True
        try:
            outcome = self._stop_outcome or await self._execute()
        except asyncio.CancelledError:
            if self._stop_outcome is None:
                raise
            outcome = self._stop_outcome
        except store.RunLost:
            outcome = CANCELLED  # it was deleted, or is another process's now: the last commit finds out which
        except Exception:
            logger.exception("run %s failed", self.run.pk)
            outcome = INTERNAL
        self._finishing = True
        await (self._release() if self._handed_over else self._finish(outcome))

    async def _execute(self) -> Outcome:
        """Runs the loop and applies its events."""
        entry = self._dependencies.catalog.get(self.run.model)
        if entry is None:
            return _failed("unknown_model", "The LLM service does not know this model", retryable=False)
        prepared = await self._prepare(entry)
        if prepared.resumption is not None:
            await self._resume(prepared.resumption)
        if self.run.crashes >= self._dependencies.limits.max_attempts:
            return INTERRUPTED
        stream = partial(self._dependencies.client.stream, entry.endpoint)
        async with aclosing(execute_run(prepared.plan, stream=stream, executor=self._executor(prepared))) as events:
            async for event in events:
                match event:
                    case StepGrew():
                        self.live.apply(event)
                    case IterationStarted():
                        await self._wait_for_results()
                        await self._confirm()
                        self._call, self._call_started_at = event, time.monotonic()
                    case RunCompleted():
                        return Outcome("complete", finish_reason=event.finish_reason)
                    case RunFailed():
                        return _failed(
                            event.code, event.content, retryable=event.retryable, retry_after=event.retry_after
                        )
                    case _:
                        self._apply(event)
        raise AssertionError("a run ends with RunCompleted or RunFailed")

    def _apply(self, event: StepEvent | IterationCut | IterationFinished) -> None:
        match event:
            case IterationCut():
                self._store_cut_iteration(event)
            case IterationFinished():
                self._store_iteration(event)
            case _:
                self.live.apply(event)
                if isinstance(event, ResultAdded):
                    self.save()

    async def _prepare(self, entry: CatalogEntry) -> Prepared:
        if needs_no_reading(self.run):
            return prepare_run(self.run, entry, self._dependencies)
        return await self._dependencies.readers.run(
            lambda: prepare_run(load_run(self.run.pk), entry, self._dependencies)
        )

    async def _resume(self, resumption: Resumption) -> None:
        """Shows the kept steps of an earlier attempt, and deletes those of its unfinished model call."""
        replace_steps(self.live, resumption.kept)
        take_checkpoint(self._stored)
        self._unknown_calls = resumption.unknown
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
            finished_calls=prepared.resumption.earlier if prepared.resumption else (),
        )

    async def _before_call(self, tool: Tool, call: ToolCall) -> str | None:
        """Lets a tool start once its model call is stored, and for a tool with side effects also that it starts.

        Returns an error for the model if the call may have happened before the server stopped.
        """
        if self._iteration_stored is not None and not await asyncio.shield(self._iteration_stored):
            raise store.RunLost
        if call.call_id in self._unknown_calls:
            return OUTCOME_UNKNOWN
        if not tool.read_only:
            await self._dependencies.writer.submit(
                store.record_call_started, lease=self._lease, message_id=self.run.message_id, call_id=call.call_id
            )
        return None

    async def _wait_for_results(self) -> None:
        """Waits, for a limited time, until tool results are stored before the model is given them: if another process
        has taken the run over, it stops here."""
        with suppress(TimeoutError):
            async with asyncio.timeout(RESULTS_TIMEOUT):
                while self._saving is not None and not self._saving.done():
                    await asyncio.wait([self._saving])

    def _store_cut_iteration(self, event: IterationCut) -> None:
        """Stores at once that the steps of a model call are void, and its token usage."""
        entry = self._ledger_entry(event)
        self._retry += 1
        self._dependencies.writer.submit(
            store.cut_iteration,
            lease=self._lease,
            message_id=self.run.message_id,
            checkpoint=take_checkpoint(self._stored),
            entry=entry,
        ).add_done_callback(self._on_saved)

    def _store_iteration(self, event: IterationFinished) -> None:
        """Stores the end of a model call. The end of a failed one is stored with the end of the run."""
        self._call = None
        entry = self._ledger_entry(event)
        self._retry = 0
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
        self._iteration_stored.add_done_callback(self._on_saved)

    def _ledger_entry(self, event: IterationCut | IterationFinished) -> store.LedgerEntry:
        """Returns the token usage of a model call, and adds it to the run's."""
        self._add_usage(event.usage)
        return store.LedgerEntry(
            event.iteration, self.run.model, event.usage, event.first_token_ms, event.total_ms, self._retry
        )

    def _add_usage(self, usage: Usage) -> None:
        self._prompt_tokens += usage.prompt
        self._completion_tokens += usage.completion

    def _interrupted_call(self) -> store.LedgerEntry | None:
        """Returns the token usage of the model call in progress, estimated from its text so far."""
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
        self._add_usage(usage)
        total_ms = round((time.monotonic() - self._call_started_at) * 1000)
        return store.LedgerEntry(self._call.iteration, self.run.model, usage, None, total_ms, self._retry)

    def _finish_steps(self) -> None:
        """Marks the steps in progress as finished."""
        for step in self.live.in_order():
            if step.type == "tool_call" and step.status != "finished":
                self.live.apply(CallStatusChanged(step.index, "finished"))
            elif step.type == "thinking" and step.duration is None:
                self.live.apply(ThinkingFinished(step.index, round(time.monotonic() - step.since, 3)))

    async def _finish(self, outcome: Outcome) -> None:
        """Stores the end of the run, and then tells its subscribers."""
        self._finish_steps()
        last_call = self._interrupted_call() or self._failed_call
        outcome = self._with_totals(outcome)
        finish = partial(
            store.finish_run, lease=self._lease, message_id=self.run.message_id, text=answer_text(self.live.in_order())
        )
        conversation = None
        try:
            conversation = await self._dependencies.writer.submit(
                partial(finish, checkpoint=take_checkpoint(self._stored), outcome=outcome, entry=last_call)
            )
            if conversation is None:  # it was deleted: nobody owns the files that tools have written since
                workspaces.remove_in_thread([workspaces.of_conversation(self.run.conversation_id)])
        except store.RunLost:
            self._on_loss(self)
            return
        except DatabaseUnavailable:  # only a process that stops gives up waiting for the database
            logger.warning("the end of run %s could not be stored: %s", self.run.pk, TAKEN_OVER_LATER)
            self._on_end(self, None)
            return
        except Exception:
            logger.exception("run %s could not be stored to its end", self.run.pk)
            outcome = self._with_totals(INTERNAL)
            conversation = await self._finish_without_steps(partial(finish, checkpoint=Checkpoint(), outcome=outcome))
        self._on_end(self, conversation)
        self.live.end(outcome)

    async def _finish_without_steps(self, finish: Callable[[], Conversation | None]) -> Conversation | None:
        """Ends the run although its last steps could not be stored, so that its conversation accepts questions."""
        try:
            return await self._dependencies.writer.submit(finish)
        except Exception:
            logger.exception("run %s: %s", self.run.pk, TAKEN_OVER_LATER)
            return None

    async def _release(self) -> None:
        """Stores the run as far as it is and gives up its ownership. Subscribers are not told of an end."""
        try:
            await self._dependencies.writer.submit(
                store.hand_over,
                lease=self._lease,
                message_id=self.run.message_id,
                checkpoint=take_checkpoint(self._stored),
            )
        except DatabaseUnavailable as error:
            logger.warning("run %s could not be handed over (%s): %s", self.run.pk, error, TAKEN_OVER_LATER)
        except Exception:
            logger.exception("run %s could not be handed over: %s", self.run.pk, TAKEN_OVER_LATER)
        finally:
            self._on_end(self, None)

    def _with_totals(self, outcome: Outcome) -> Outcome:
        return replace(
            outcome,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
            suggested_title=self.run.suggested_title,
        )
