"""Reading a conversation: its active branch, a page at a time, newest page first."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import F, IntegerField, Q, Sum
from django.db.models.functions import Coalesce, Least, Length, Substr

from conversations.models import Conversation, Message, Run, Step
from conversations.queries.usage import with_writing_time

STEP_PART = 100_000
"""Characters of a step that a page carries; the whole is had by `step.get`."""


class BadCursor(ValueError):
    """A cursor that this server did not give, or whose message is gone. `name` is what the protocol calls it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is no cursor that this server gave")
        self.name = name


@dataclass(frozen=True, slots=True)
class BranchMessage:
    """A message with what is shown of it: `siblings` are the ids of the versions of it, in order, itself included."""

    message: Message
    steps: list[Step]
    siblings: list[str]
    run: Run | None


@dataclass(frozen=True, slots=True)
class BranchPage:
    """Messages oldest first; `previous_cursor` leads to the ones before, None at the beginning."""

    messages: list[BranchMessage]
    previous_cursor: str | None


def load_branch_page(
    *, conversation: Conversation, before: str | None = None, limit: int = 50, max_characters: int | None = None
) -> BranchPage:
    """The newest `limit` messages of the active branch, or those before a cursor.

    With `max_characters`, fewer rather than more characters than that in all, but at least one.
    Raises BadCursor.
    """
    leaf_id = conversation.leaf_id if before is None else _message_before(conversation, before)
    if leaf_id is None:
        return BranchPage([], None)
    ids = Message.objects.branch_ids(leaf_id=leaf_id, limit=limit + 1)
    page_ids = ids[:limit]
    if max_characters is not None:
        page_ids = _within(page_ids, max_characters)
    messages = _load(conversation, reversed(page_ids))
    return BranchPage(messages, str(page_ids[-1]) if len(page_ids) < len(ids) else None)


def load_message(*, conversation: Conversation, message_id: uuid.UUID) -> BranchMessage:
    """One message of the conversation. Raises Message.DoesNotExist."""
    found = _load(conversation, [message_id])
    if not found:
        raise Message.DoesNotExist
    return found[0]


def load_leaf(*, conversation: Conversation) -> list[BranchMessage]:
    """The last message of the active branch and the one that it answers, oldest first."""
    return load_branch_page(conversation=conversation, limit=2).messages


def _message_before(conversation: Conversation, cursor: str) -> uuid.UUID | None:
    try:
        return Message.objects.values_list("parent_id", flat=True).get(pk=uuid.UUID(cursor), conversation=conversation)
    except (ValueError, Message.DoesNotExist) as error:
        raise BadCursor("before") from error


def _within(newest_first: list[uuid.UUID], max_characters: int) -> list[uuid.UUID]:
    # Without steps there is no size, of which databases make different least ones
    shown = Least(Coalesce(F("steps__size"), 0), STEP_PART, output_field=IntegerField())
    sizes = dict(
        Message.objects.filter(pk__in=newest_first)
        .annotate(characters=Length("text") + Sum(shown))
        .order_by()
        .values_list("pk", "characters")
    )
    total = 0
    for count, message_id in enumerate(newest_first):
        total += sizes.get(message_id, 0)
        if total > max_characters and count:
            return newest_first[:count]
    return newest_first


def _load(conversation: Conversation, ids: Iterable[uuid.UUID]) -> list[BranchMessage]:
    order = list(ids)
    messages = Message.objects.filter(conversation=conversation).in_bulk(order)
    present = [messages[pk] for pk in order if pk in messages]
    steps = _steps(present)
    siblings = _siblings(conversation, present)
    runs = {run.message_id: run for run in with_writing_time(Run.objects.filter(message__in=present))}
    return [BranchMessage(m, steps[m.pk], siblings[m.parent_id, m.role], runs.get(m.pk)) for m in present]


def _steps(messages: list[Message]) -> dict[uuid.UUID, list[Step]]:
    rows = (
        Step.objects.filter(message__in=messages)
        .defer("content", "arguments")
        .annotate(first_content=Substr("content", 1, STEP_PART), first_arguments=Substr("arguments", 1, STEP_PART))
        .order_by("message", "index")
    )
    found: dict[uuid.UUID, list[Step]] = defaultdict(list)
    for step in rows:
        step.content, step.arguments = step.first_content, step.first_arguments
        found[step.message_id].append(step)
    return found


def _siblings(conversation: Conversation, messages: list[Message]) -> dict[tuple[uuid.UUID | None, str], list[str]]:
    parents = [m.parent_id for m in messages if m.parent_id]
    among = Q(parent__in=parents)
    if len(parents) < len(messages):
        among |= Q(parent=None)
    rows = Message.objects.filter(among, conversation=conversation).values_list("parent_id", "role", "pk")
    found: dict[tuple[uuid.UUID | None, str], list[str]] = defaultdict(list)
    for parent_id, role, pk in rows:
        found[parent_id, role].append(str(pk))
    return found
