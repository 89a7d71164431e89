"""Lists of a user's conversations and projects, a page at a time. They never load messages."""

from __future__ import annotations

import base64
import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from django.db.models import Count, IntegerField, Model, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from conversations.models import Conversation, Project, Run
from conversations.queries.branches import BadCursor

T = TypeVar("T", bound=Model)

PINNED, NOT_PINNED = "p", "n"
"""Prefixes of the cursors of `list_pinned_first`."""
MAX_PAGE_CHARACTERS = 150_000
"""Less than 1 MB as JSON, whatever the characters are."""


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A page of rows. `next_cursor` is None on the last page."""

    rows: list[T]
    next_cursor: str | None


def live_run_id() -> Subquery:
    """Returns an annotation for conversations: the id of the live run, or None."""
    live = Run.objects.filter(conversation=OuterRef("pk"), status__in=Run.LIVE)
    return Subquery(live.values("pk")[:1])


def list_conversations(
    *,
    user_id: int,
    query: str | None = None,
    project_id: uuid.UUID | None = None,
    archived: bool = False,
    pinned: bool | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Listing[Conversation]:
    """Returns conversations with `live_run_id`, those with the latest activity first. One query. Raises BadCursor."""
    rows = _summaries(user_id, archived)
    if query:
        rows = rows.filter(title__icontains=query)
    if project_id is not None:
        rows = rows.filter(project_id=project_id)
    if pinned is not None:
        rows = rows.filter(pinned=Value(pinned))
    return _load_page(rows, "updated_at", cursor, limit, _summary_size)


def list_pinned_first(*, user_id: int, cursor: str | None = None, limit: int = 50) -> Listing[Conversation]:
    """Returns conversations that are not archived: pinned ones, then others, newest first. Raises BadCursor."""
    rows = _summaries(user_id, archived=False)
    if cursor is not None:
        pinned = cursor[:1] == PINNED
        after = _after("updated_at", cursor[1:]) & Q(pinned=Value(pinned))
        rows = rows.filter(after | Q(pinned=Value(False)) if pinned else after)
    found = list(rows.order_by("-pinned", "-updated_at", "-pk")[: limit + 1])
    page = _limit_size(found[:limit], _summary_size)
    if len(found) == len(page):
        return Listing(page, None)
    last = page[-1]
    return Listing(page, (PINNED if last.pinned else NOT_PINNED) + _encode_cursor(last.updated_at, last.pk))


def _summaries(user_id: int, archived: bool) -> QuerySet[Conversation]:
    # Value, because Django turns a plain bool into `NOT archived`, for which SQLite does not use the index's order.
    rows = Conversation.objects.filter(owner_id=user_id, archived=Value(archived)).defer("system_prompt")
    return rows.annotate(live_run_id=live_run_id())


def list_projects(*, user_id: int, cursor: str | None = None, limit: int = 50) -> Listing[Project]:
    """Returns the newest projects first. Raises BadCursor."""
    return _load_page(Project.objects.filter(owner_id=user_id), "created_at", cursor, limit, _project_size)


def list_projects_with_counts(*, user_id: int, cursor: str | None = None, limit: int = 50) -> Listing[Project]:
    """Returns projects without their instructions, but with `conversation_count`. Raises BadCursor."""
    listed = Conversation.objects.filter(project=OuterRef("pk"), owner=OuterRef("owner"), archived=False)
    count = listed.order_by().values("project").annotate(count=Count("pk")).values("count")
    rows = Project.objects.filter(owner_id=user_id).defer("instructions")
    rows = rows.annotate(conversation_count=Coalesce(Subquery(count, output_field=IntegerField()), 0))
    return _load_page(rows, "created_at", cursor, limit, lambda project: len(project.name))


def _summary_size(row: Conversation) -> int:
    return len(row.title) + sum(len(name) + 3 for name in row.tools or ())


def _project_size(row: Project) -> int:
    return len(row.name) + len(row.instructions)


def _load_page(rows: QuerySet[T], field: str, cursor: str | None, limit: int, size: Callable[[T], int]) -> Listing[T]:
    """Loads rows in descending order of `field`, a date and time, from the cursor on."""
    if cursor is not None:
        rows = rows.filter(_after(field, cursor))
    found = list(rows.order_by(f"-{field}", "-pk")[: limit + 1])
    page = _limit_size(found[:limit], size)
    return Listing(page, _encode_cursor(getattr(page[-1], field), page[-1].pk) if len(found) > len(page) else None)


def _after(field: str, cursor: str) -> Q:
    """Returns the condition for rows after the cursor. Its first part is redundant, but lets an index seek."""
    when, pk = _decode_cursor(cursor)
    return Q(**{f"{field}__lte": when}) & (Q(**{f"{field}__lt": when}) | Q(pk__lt=pk))


def _limit_size(rows: list[T], size: Callable[[T], int]) -> list[T]:
    """Returns the first rows, with MAX_PAGE_CHARACTERS in total, but at least one row."""
    for count, total in enumerate(itertools.accumulate(map(size, rows))):
        if total > MAX_PAGE_CHARACTERS and count:
            return rows[:count]
    return rows


def _encode_cursor(when: datetime, pk: uuid.UUID) -> str:
    return base64.urlsafe_b64encode(f"{when.isoformat()} {pk}".encode()).decode()


def _decode_cursor(cursor: str) -> tuple[datetime, uuid.UUID]:
    try:
        when, pk = base64.urlsafe_b64decode(cursor).decode().split(" ")
        return datetime.fromisoformat(when).astimezone(UTC), uuid.UUID(pk)
    except (ValueError, OverflowError) as error:
        raise BadCursor("cursor") from error
