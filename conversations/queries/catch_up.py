"""What other processes only give the ids of."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from conversations.models import Conversation, Message, Run
from conversations.queries.lists import live_run_id
from conversations.queries.stored_runs import identity_of, replay, stored_run
from conversations.runs.live import LiveRun


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """A run, and what was read of its steps."""

    run: Run
    stored: LiveRun


@dataclass(frozen=True, slots=True)
class StartedRun:
    """`question` if it was asked with this run, with the ids of its versions."""

    snapshot: RunSnapshot
    question: tuple[Message, list[str]] | None


@dataclass(frozen=True, slots=True)
class Missed:
    """`gone` are the ids of conversations that were deleted."""

    runs: list[StartedRun]
    conversations: Sequence[Conversation]
    gone: set[str]


def started_run(run_id: str) -> StartedRun | None:
    """Also if it has ended meanwhile."""
    run = Run.objects.select_related("user_message", "message").filter(pk=uuid.UUID(run_id)).first()
    return _begun(run) if run is not None else None


def changed_conversation(conversation_id: str) -> Conversation | None:
    """With `live_run_id`."""
    conversations = Conversation.objects.annotate(live_run_id=live_run_id())
    return conversations.filter(pk=uuid.UUID(conversation_id)).first()


def live_run_in(conversation_id: uuid.UUID) -> RunSnapshot | None:
    """With the steps that are stored so far."""
    run = Run.objects.filter(conversation_id=conversation_id, status__in=Run.LIVE).first()
    return RunSnapshot(run, stored_run(run)) if run is not None else None


def run_snapshots(run_ids: Collection[str]) -> dict[str, RunSnapshot]:
    """How these runs stand: live ones without steps, those that have ended with all."""
    runs = Run.objects.filter(pk__in=[uuid.UUID(run_id) for run_id in run_ids])
    return {str(run.pk): _snapshot(run) for run in runs}


def missed_news(conversation_ids: Collection[str], user_ids: Collection[int], seconds: float) -> Missed:
    """What happened so many seconds ago and later: runs in these conversations, and conversations of these users,
    with `live_run_id`."""
    ids, since = [uuid.UUID(each) for each in conversation_ids], timezone.now() - timedelta(seconds=seconds)
    theirs = Conversation.objects.filter(owner_id__in=user_ids)
    changed = theirs.filter(Q(pk__in=ids) | Q(updated_at__gte=since)).annotate(live_run_id=live_run_id())
    runs = Run.objects.select_related("user_message", "message").filter(conversation_id__in=ids)
    recent = runs.filter(Q(started_at__gte=since) | Q(status__in=Run.LIVE)).order_by("started_at", "pk")
    conversations = list(changed.order_by("updated_at"))
    there = {str(each.pk) for each in conversations}
    return Missed([_begun(run) for run in recent], conversations, set(conversation_ids) - there)


def _snapshot(run: Run) -> RunSnapshot:
    return RunSnapshot(run, LiveRun(identity_of(run)) if run.status in Run.LIVE else replay(run))


def _begun(run: Run) -> StartedRun:
    question = run.user_message
    snapshot = RunSnapshot(run, stored_run(run) if run.status in Run.LIVE else replay(run))
    if question.created_at != run.message.created_at:
        return StartedRun(snapshot, None)
    versions = Message.objects.filter(
        conversation_id=question.conversation_id, parent_id=question.parent_id, role=question.role
    )
    return StartedRun(snapshot, (question, [str(pk) for pk in versions.values_list("pk", flat=True)]))
