"""Reads the active branch of a conversation, a page at a time, newest page first."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import F, IntegerField, Q, Sum
from django.db.models.functions import Coalesce, Least, Length, Substr

from conversations.models import Conversation, Message, Run, Step
from conversations.queries.usage import with_writing_time

MAX_STEP_CHARACTERS = 100_000
"""Characters of a step in a page. `load_step_text` loads the rest."""


class BadCursor(ValueError):
    """The cursor is not valid, or its message does not exist anymore. `name` is its parameter in the protocol."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not a valid cursor")
        self.name = name


@dataclass(frozen=True, slots=True)
class BranchMessage:
    """A message with its steps and run. `siblings` are the ids of all its versions in order, including its own."""

    message: Message
    steps: list[Step]
    siblings: list[str]
    run: Run | None


@dataclass(frozen=True, slots=True)
class BranchPage:
    """Messages, oldest first. `previous_cursor` leads to older ones. It is None at the beginning of the branch."""

    messages: list[BranchMessage]
    previous_cursor: str | None


def load_branch_page(
    *, conversation: Conversation, before: str | None = None, limit: int = 50, max_characters: int | None = None
) -> BranchPage:
    """Returns the newest `limit` messages of the active branch, or those before the cursor `before`.

    With `max_characters`, returns only as many messages as have that many characters in total, but at least one.
    Raises BadCursor.
    """
    leaf_id = conversation.leaf_id if before is None else _message_before(conversation, before)
    if leaf_id is None:
        return BranchPage([], None)
    ids = Message.objects.branch_ids(leaf_id=leaf_id, limit=limit + 1)
    page_ids = ids[:limit]
    if max_characters is not None:
        page_ids = _limit_size(page_ids, max_characters)
    messages = _load_messages(conversation, reversed(page_ids))
    return BranchPage(messages, str(page_ids[-1]) if len(page_ids) < len(ids) else None)


def load_message(*, conversation: Conversation, message_id: uuid.UUID) -> BranchMessage:
    """Returns one message of the conversation. Raises Message.DoesNotExist."""
    found = _load_messages(conversation, [message_id])
    if not found:
        raise Message.DoesNotExist
    return found[0]


def _message_before(conversation: Conversation, cursor: str) -> uuid.UUID | None:
    try:
        return Message.objects.values_list("parent_id", flat=True).get(pk=uuid.UUID(cursor), conversation=conversation)
    except (ValueError, Message.DoesNotExist) as error:
        raise BadCursor("before") from error


def _limit_size(newest_first: list[uuid.UUID], max_characters: int) -> list[uuid.UUID]:
    """Returns the newest messages, with `max_characters` in total, but at least one message."""
    # Coalesce, because without steps the size is NULL, and databases differ in the least of NULL and a number.
    step_characters = Least(Coalesce(F("steps__size"), 0), MAX_STEP_CHARACTERS, output_field=IntegerField())
    sizes = dict(
        Message.objects.filter(pk__in=newest_first)
        .annotate(characters=Length("text") + Sum(step_characters))
        .order_by()
        .values_list("pk", "characters")
    )
    total = 0
    for count, message_id in enumerate(newest_first):
        total += sizes.get(message_id, 0)
        if total > max_characters and count:
            return newest_first[:count]
    return newest_first


def _load_messages(conversation: Conversation, ids: Iterable[uuid.UUID]) -> list[BranchMessage]:
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
        .annotate(
            first_content=Substr("content", 1, MAX_STEP_CHARACTERS),
            first_arguments=Substr("arguments", 1, MAX_STEP_CHARACTERS),
        )
        .order_by("message", "index")
    )
    found: dict[uuid.UUID, list[Step]] = defaultdict(list)
    for step in rows:
        step.content, step.arguments = step.first_content, step.first_arguments
        found[step.message_id].append(step)
    return found


def _siblings(conversation: Conversation, messages: list[Message]) -> dict[tuple[uuid.UUID | None, str], list[str]]:
    parents = [m.parent_id for m in messages if m.parent_id]
    condition = Q(parent__in=parents)
    if len(parents) < len(messages):
        condition |= Q(parent=None)
    rows = Message.objects.filter(condition, conversation=conversation).values_list("parent_id", "role", "pk")
    found: dict[tuple[uuid.UUID | None, str], list[str]] = defaultdict(list)
    for parent_id, role, pk in rows:
        found[parent_id, role].append(str(pk))
    return found
