"""Stores a run's progress: its steps, its token usage, its end.

Every write locks the run's row and checks that owner and attempt are unchanged; otherwise it raises RunLost. A missing
row means that the run was deleted with its conversation: then only token usage is written, which stays.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from django.db.models import F
from django.utils import timezone

from accounts.models import User
from conversations.errors import NotFound
from conversations.llm.types import Usage
from conversations.models import Conversation, Message, Run, Step, TokenUsage
from conversations.runs.checkpoint import Checkpoint
from conversations.runs.leases import SeenLease
from conversations.runs.live import Outcome
from conversations.store.steps import write_steps


class RunLost(Exception):
    """Another process owns this run now, or it has ended."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write a run, as one attempt of one owner."""

    run_id: uuid.UUID
    user_id: int
    owner: str
    attempt: int


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """The token usage of one model call. Times are in milliseconds; `retry` counts the earlier tries of this call."""

    iteration: int
    model: str
    usage: Usage
    first_token_ms: int | None
    total_ms: int
    retry: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """The changes of a run's steps."""

    lease: Lease
    message_id: uuid.UUID
    checkpoint: Checkpoint


def save_progress(batch: Sequence[Progress]) -> list[bool | Exception]:
    """Stores the steps of many runs. Returns for each True, False if the run was deleted, or RunLost."""
    # One query, in the order of the ids, so that no two processes deadlock.
    runs = Run.objects.select_for_update().filter(pk__in={each.lease.run_id for each in batch}).only(*_LOCKED_FIELDS)
    by_id = {run.pk: run for run in runs.order_by("pk")}
    states = [_lease_state(each.lease, by_id.get(each.lease.run_id)) for each in batch]
    write_steps({each.message_id: each.checkpoint for each, state in zip(batch, states, strict=True) if state is True})
    return states


def cut_iteration(*, lease: Lease, message_id: uuid.UUID, checkpoint: Checkpoint, entry: LedgerEntry) -> bool:
    """Stores that a model call broke off and is repeated: its steps are deleted, its token usage stays.

    Returns False if the run was deleted. Raises RunLost.
    """
    run = _lock_run(lease)
    _record_usage(lease, run, entry)
    if run is not None:
        write_steps({message_id: checkpoint})
    return run is not None


def finish_iteration(
    *, lease: Lease, message_id: uuid.UUID, checkpoint: Checkpoint, entry: LedgerEntry, finish_reason: str
) -> bool:
    """Stores the end of a model call with its steps and token usage.

    Returns False if the run was deleted. Raises RunLost.
    """
    run = _lock_run(lease)
    _record_usage(lease, run, entry)
    if run is not None:
        write_steps({message_id: checkpoint})
        Run.objects.filter(pk=run.pk).update(iteration=entry.iteration, finish_reason=finish_reason)
    return run is not None


def record_call_started(*, lease: Lease, message_id: uuid.UUID, call_id: str) -> None:
    """Stores, before a tool with side effects starts, that its call may have happened.

    Raises RunLost, also for a deleted run: then no tool may start.
    """
    if _lock_run(lease) is None:
        raise RunLost
    Step.objects.filter(message_id=message_id, type=Step.Type.TOOL_CALL, id_ref=call_id).update(
        status=Step.Status.RUNNING
    )


def finish_run(
    *,
    lease: Lease,
    message_id: uuid.UUID,
    checkpoint: Checkpoint,
    outcome: Outcome,
    text: str,
    entry: LedgerEntry | None = None,
) -> Conversation | None:
    """Stores the end of a run with its last steps and the answer's text; `entry` is of a model call that broke off.

    Returns the conversation, None if it was deleted. Raises RunLost.
    """
    run = _lock_run(lease)
    if entry is not None:
        _record_usage(lease, run, entry)
    if run is None:
        return None
    write_steps({message_id: checkpoint})
    now = timezone.now()
    Run.objects.filter(pk=run.pk).update(
        status=outcome.status,
        finish_reason=outcome.finish_reason,
        error_code=outcome.error_code,
        error_content=outcome.error_content,
        error_retryable=outcome.retryable,
        error_retry_after=outcome.retry_after,
        prompt_tokens=outcome.prompt_tokens,
        completion_tokens=outcome.completion_tokens,
        ended_at=now,
    )
    Message.objects.filter(pk=message_id).update(
        status=outcome.status, text=text, token_count=outcome.completion_tokens
    )
    Conversation.objects.filter(pk=run.conversation_id).update(updated_at=now)
    return Conversation.objects.get(pk=run.conversation_id)


def hand_over(*, lease: Lease, message_id: uuid.UUID, checkpoint: Checkpoint) -> None:
    """Stores the run's steps and gives up its ownership, so that any process can claim it. Raises RunLost."""
    run = _lock_run(lease)
    if run is not None:
        write_steps({message_id: checkpoint})
        Run.objects.filter(pk=run.pk).update(owner=None)


def request_cancel(*, user_id: int, run_id: uuid.UUID) -> bool:
    """Stores that the run is to stop. Returns whether it was live. Raises NotFound."""
    runs = Run.objects.filter(pk=run_id, user_id=user_id)
    if runs.filter(status__in=Run.LIVE).update(cancel_requested=True):
        return True
    if not runs.exists():
        raise NotFound("run")
    return False


def record_heartbeat(*, owner: str) -> dict[uuid.UUID, bool]:
    """Records that the owner is alive. Returns its live runs, each with whether it is to stop."""
    mine = Run.objects.filter(owner=owner, status__in=Run.LIVE)
    mine.update(beat=F("beat") + 1)
    return dict(mine.values_list("pk", "cancel_requested"))


def claim_runs(*, owner: str, leases: Collection[SeenLease]) -> list[Run]:
    """Takes over the runs whose leases are unchanged since they were seen. Returns those that it got.

    A run that still has an owner was not handed over: its process crashed.
    """
    claimed = [
        lease.run_id
        for lease in leases
        if Run.objects.filter(
            pk=lease.run_id, owner=lease.owner, attempt=lease.attempt, beat=lease.beat, status__in=Run.LIVE
        ).update(owner=owner, attempt=F("attempt") + 1, crashes=F("crashes") + int(lease.owner is not None))
    ]
    return list(Run.objects.select_related("conversation").filter(pk__in=claimed))


def begin_attempt(
    *, lease: Lease, message_id: uuid.UUID, model: str, forgotten_from: int | None, cut_tokens: int
) -> None:
    """Deletes the steps of the model call that the last attempt did not finish, and stores their tokens as usage.

    `forgotten_from` is the index of the first such step, None if there is none. Raises RunLost.
    """
    run = _lock_run(lease)
    if run is None:
        raise RunLost
    if forgotten_from is None:
        return
    Step.objects.filter(message_id=message_id, index__gte=forgotten_from).delete()
    before, iteration = replace(lease, attempt=lease.attempt - 1), run.iteration + 1
    retry = TokenUsage.objects.filter(run=run, attempt=before.attempt, iteration=iteration).count()
    _record_usage(
        before, run, LedgerEntry(iteration, model, Usage(completion=cut_tokens, estimated=True), None, 0, retry)
    )


def _lock_run(lease: Lease) -> Run | None:
    run = Run.objects.select_for_update().filter(pk=lease.run_id).only(*_LOCKED_FIELDS).first()
    if isinstance(state := _lease_state(lease, run), Exception):
        raise state
    return run


def _lease_state(lease: Lease, run: Run | None) -> bool | Exception:
    """True if the lease holds, False if the run was deleted, else RunLost."""
    if run is None:
        return False
    if run.owner != lease.owner or run.attempt != lease.attempt or run.status not in Run.LIVE:
        return RunLost()
    return True


_LOCKED_FIELDS = ("owner", "attempt", "status", "conversation", "iteration")


def _record_usage(lease: Lease, run: Run | None, entry: LedgerEntry) -> None:
    user_there = run is not None or User.objects.filter(pk=lease.user_id).exists()
    TokenUsage.objects.create(
        user_id=lease.user_id if user_there else None,
        run=run,
        conversation_id=run.conversation_id if run else None,
        model=entry.model,
        attempt=lease.attempt,
        iteration=entry.iteration,
        retry=entry.retry,
        prompt_tokens=entry.usage.prompt,
        completion_tokens=entry.usage.completion,
        reasoning_tokens=entry.usage.reasoning,
        cached_tokens=entry.usage.cached,
        estimated=entry.usage.estimated,
        first_token_ms=entry.first_token_ms,
        total_ms=entry.total_ms,
    )
