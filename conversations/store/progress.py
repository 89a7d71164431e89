"""A run's progress: its steps, its ledger, its end.

Every write holds the run's row with owner and attempt unchanged. No such row: RunLost. No row at all: the run was
deleted with its conversation; then there is nothing to write but the ledger, which stays.
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
    """Another process makes this run now, or it has ended."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write a run."""

    run_id: uuid.UUID
    user_id: int
    owner: str
    attempt: int


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One model call. Times are in milliseconds; `retry` counts the calls in whose place this one was made."""

    iteration: int
    model: str
    usage: Usage
    first_token_ms: int | None
    total_ms: int
    retry: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """What is new of a run's steps."""

    lease: Lease
    message_id: uuid.UUID
    checkpoint: Checkpoint


def save_progress(made: Sequence[Progress]) -> list[bool | Exception]:
    """Of many runs at once; for each RunLost, or False if the run was deleted."""
    held = _hold_all([each.lease for each in made])
    write_steps({each.message_id: each.checkpoint for each, is_held in zip(made, held, strict=True) if is_held is True})
    return held


def save_steps(*, lease: Lease, message_id: uuid.UUID, checkpoint: Checkpoint) -> bool:
    """Of one run. False if the run was deleted. Raises RunLost."""
    [saved] = save_progress([Progress(lease, message_id, checkpoint)])
    if isinstance(saved, Exception):
        raise saved
    return saved


def cut_iteration(*, lease: Lease, message_id: uuid.UUID, checkpoint: Checkpoint, entry: LedgerEntry) -> bool:
    """A model call broke off and is made again: its steps go, its row of the ledger stays.

    False if the run was deleted. Raises RunLost.
    """
    run = _hold(lease)
    _enter(lease, run, entry)
    if run is not None:
        write_steps({message_id: checkpoint})
    return run is not None


def finish_iteration(
    *, lease: Lease, message_id: uuid.UUID, checkpoint: Checkpoint, entry: LedgerEntry, finish_reason: str
) -> bool:
    """The end of a model call: its steps and its row of the ledger. False if the run was deleted. Raises RunLost."""
    run = _hold(lease)
    _enter(lease, run, entry)
    if run is not None:
        write_steps({message_id: checkpoint})
        Run.objects.filter(pk=run.pk).update(iteration=entry.iteration, finish_reason=finish_reason)
    return run is not None


def record_call_started(*, lease: Lease, message_id: uuid.UUID, call_id: str) -> None:
    """Stored before a tool with side effects starts, so that whoever goes on knows that it may have happened.

    Raises RunLost, also if the run was deleted: then no tool is to start.
    """
    if _hold(lease) is None:
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
    """The end of a run: its last steps, its status, its answer. `entry` is of a model call that was cut.

    The conversation as it then is, None if it was deleted. Raises RunLost.
    """
    run = _hold(lease)
    if entry is not None:
        _enter(lease, run, entry)
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
    """Stores what there is and lets the run go, for whoever takes it up. Raises RunLost."""
    run = _hold(lease)
    if run is not None:
        write_steps({message_id: checkpoint})
        Run.objects.filter(pk=run.pk).update(owner=None)


def request_cancel(*, user_id: int, run_id: uuid.UUID) -> bool:
    """Notes that the run is to stop; whether it was live. Raises NotFound."""
    runs = Run.objects.filter(pk=run_id, user_id=user_id)
    if runs.filter(status__in=Run.LIVE).update(cancel_requested=True):
        return True
    if not runs.exists():
        raise NotFound("run")
    return False


def beat(*, owner: str) -> dict[uuid.UUID, bool]:
    """Shows that the owner lives; its live runs, and whether somebody wants to stop them."""
    mine = Run.objects.filter(owner=owner, status__in=Run.LIVE)
    mine.update(beat=F("beat") + 1)
    return dict(mine.values_list("pk", "cancel_requested"))


def claim_runs(*, owner: str, leases: Collection[SeenLease]) -> list[Run]:
    """Takes the runs whose leases still stand as they were seen; those that it got. What has an owner was not handed
    over: its process counts as dead."""
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
    """Clears away the steps of the model call that was cut; its words stay in the ledger, counted. Raises RunLost."""
    run = _hold(lease)
    if run is None:
        raise RunLost
    if forgotten_from is None:
        return
    Step.objects.filter(message_id=message_id, index__gte=forgotten_from).delete()
    before, iteration = replace(lease, attempt=lease.attempt - 1), run.iteration + 1
    retry = TokenUsage.objects.filter(run=run, attempt=before.attempt, iteration=iteration).count()
    _enter(before, run, LedgerEntry(iteration, model, Usage(completion=cut_tokens, estimated=True), None, 0, retry))


def _hold(lease: Lease) -> Run | None:
    run = Run.objects.select_for_update().filter(pk=lease.run_id).only(*_HELD).first()
    if isinstance(held := _is_held(lease, run), Exception):
        raise held
    return run


def _hold_all(leases: Sequence[Lease]) -> list[bool | Exception]:
    """In one query, and in the order of their ids, so that no two processes wait for each other."""
    held = Run.objects.select_for_update().filter(pk__in={lease.run_id for lease in leases}).only(*_HELD)
    runs = {run.pk: run for run in held.order_by("pk")}
    return [_is_held(lease, runs.get(lease.run_id)) for lease in leases]


def _is_held(lease: Lease, run: Run | None) -> bool | Exception:
    if run is None:
        return False
    if run.owner != lease.owner or run.attempt != lease.attempt or run.status not in Run.LIVE:
        return RunLost()
    return True


_HELD = ("owner", "attempt", "status", "conversation", "iteration")


def _enter(lease: Lease, run: Run | None, entry: LedgerEntry) -> None:
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
