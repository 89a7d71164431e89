"""Reads runs and changes of which other processes sent only the ids, or whose messages were missed."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from conversations.models import Conversation, Message, Run
from conversations.queries.lists import live_run_id
from conversations.queries.stored_runs import restore_ended_run, restore_run, run_identity
from conversations.runs.live import LiveRun


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """A run's row, and its state as far as it was read from the database."""

    run: Run
    stored: LiveRun


@dataclass(frozen=True, slots=True)
class StartedRun:
    """A run. `question` is the message that was created with it, and the ids of its versions. It is None if the run
    answers an older message."""

    snapshot: RunSnapshot
    question: tuple[Message, list[str]] | None


@dataclass(frozen=True, slots=True)
class MissedChanges:
    """Runs, oldest first, changed conversations with `live_run_id`, and the ids of deleted conversations."""

    runs: list[StartedRun]
    conversations: Sequence[Conversation]
    deleted_ids: set[str]


def load_started_run(run_id: str) -> StartedRun | None:
    """Returns the run, live or ended, or None if it does not exist."""
    run = Run.objects.select_related("user_message", "message").filter(pk=uuid.UUID(run_id)).first()
    return _started_run(run) if run is not None else None


def load_conversation(conversation_id: str) -> Conversation | None:
    """Returns the conversation with `live_run_id`, or None if it does not exist."""
    conversations = Conversation.objects.annotate(live_run_id=live_run_id())
    return conversations.filter(pk=uuid.UUID(conversation_id)).first()


def load_live_run(conversation_id: uuid.UUID) -> RunSnapshot | None:
    """Returns the conversation's live run with its stored steps, or None if there is none."""
    run = Run.objects.filter(conversation_id=conversation_id, status__in=Run.LIVE).first()
    return RunSnapshot(run, restore_run(run)) if run is not None else None


def load_run_snapshots(run_ids: Collection[str]) -> dict[str, RunSnapshot]:
    """Returns the existing ones of the runs by id: live runs without steps, ended runs with all their steps."""
    runs = Run.objects.filter(pk__in=[uuid.UUID(run_id) for run_id in run_ids])
    return {
        str(run.pk): RunSnapshot(run, LiveRun(run_identity(run)) if run.status in Run.LIVE else restore_ended_run(run))
        for run in runs
    }


def load_missed_changes(conversation_ids: Collection[str], user_ids: Collection[int], seconds: float) -> MissedChanges:
    """Returns what changed during the last `seconds`: runs in these conversations, and conversations of these users.

    Live runs in the conversations, and conversations in `conversation_ids` that belong to the users, are included
    whenever they changed.
    """
    ids, since = [uuid.UUID(text) for text in conversation_ids], timezone.now() - timedelta(seconds=seconds)
    owned = Conversation.objects.filter(owner_id__in=user_ids)
    changed = owned.filter(Q(pk__in=ids) | Q(updated_at__gte=since)).annotate(live_run_id=live_run_id())
    runs = Run.objects.select_related("user_message", "message").filter(conversation_id__in=ids)
    recent = runs.filter(Q(started_at__gte=since) | Q(status__in=Run.LIVE)).order_by("started_at", "pk")
    conversations = list(changed.order_by("updated_at"))
    existing = {str(conversation.pk) for conversation in conversations}
    return MissedChanges([_started_run(run) for run in recent], conversations, set(conversation_ids) - existing)


def _started_run(run: Run) -> StartedRun:
    question = run.user_message
    snapshot = RunSnapshot(run, restore_run(run) if run.status in Run.LIVE else restore_ended_run(run))
    # A question and its first answer are created together, with the same time.
    if question.created_at != run.message.created_at:
        return StartedRun(snapshot, None)
    versions = Message.objects.filter(
        conversation_id=question.conversation_id, parent_id=question.parent_id, role=question.role
    )
    return StartedRun(snapshot, (question, [str(pk) for pk in versions.values_list("pk", flat=True)]))
