"""Lists of a person's conversations and projects, a page at a time. No list reads what was said."""

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
"""Where a cursor of `list_pinned_first` stands."""
PAGE_CHARACTERS = 150_000
"""What a page holds at most: under 1 MB as JSON, whatever the characters are."""


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """`next_cursor` leads on, None at the end."""

    rows: list[T]
    next_cursor: str | None


def live_run_id() -> Subquery:
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
    """Newest activity first, each with `live_run_id`. One query. Raises BadCursor."""
    rows = _summaries(user_id, archived)
    if query:
        rows = rows.filter(title__icontains=query)
    if project_id is not None:
        rows = rows.filter(project_id=project_id)
    if pinned is not None:
        rows = rows.filter(pinned=Value(pinned))
    return _page(rows, "updated_at", cursor, limit, _summary_size)


def list_pinned_first(*, user_id: int, cursor: str | None = None, limit: int = 50) -> Listing[Conversation]:
    """Those that are not archived: the pinned ones, then the others, each newest first. Raises BadCursor."""
    rows = _summaries(user_id, archived=False)
    if cursor is not None:
        pinned = cursor[:1] == PINNED
        beyond = _beyond("updated_at", cursor[1:]) & Q(pinned=Value(pinned))
        rows = rows.filter(beyond | Q(pinned=Value(False)) if pinned else beyond)
    found = list(rows.order_by("-pinned", "-updated_at", "-pk")[: limit + 1])
    page = _within(found[:limit], _summary_size)
    if len(found) == len(page):
        return Listing(page, None)
    last = page[-1]
    return Listing(page, (PINNED if last.pinned else NOT_PINNED) + _encode(last.updated_at, last.pk))


def _summaries(user_id: int, archived: bool) -> QuerySet[Conversation]:
    # Value: of a plain bool Django makes `NOT archived`, for which SQLite does not use the order of an index.
    rows = Conversation.objects.filter(owner_id=user_id, archived=Value(archived)).defer("system_prompt")
    return rows.annotate(live_run_id=live_run_id())


def list_projects(*, user_id: int, cursor: str | None = None, limit: int = 50) -> Listing[Project]:
    """Newest first. Raises BadCursor."""
    return _page(Project.objects.filter(owner_id=user_id), "created_at", cursor, limit, _project_size)


def list_projects_counted(*, user_id: int, cursor: str | None = None, limit: int = 50) -> Listing[Project]:
    """Likewise, without their instructions, each with `conversation_count`. Raises BadCursor."""
    shown = Conversation.objects.filter(project=OuterRef("pk"), owner=OuterRef("owner"), archived=False)
    count = shown.order_by().values("project").annotate(count=Count("pk")).values("count")
    rows = Project.objects.filter(owner_id=user_id).defer("instructions")
    rows = rows.annotate(conversation_count=Coalesce(Subquery(count, output_field=IntegerField()), 0))
    return _page(rows, "created_at", cursor, limit, lambda project: len(project.name))


def _summary_size(row: Conversation) -> int:
    return len(row.title) + sum(len(name) + 3 for name in row.tools or ())


def _project_size(row: Project) -> int:
    return len(row.name) + len(row.instructions)


def _page(rows: QuerySet[T], by: str, cursor: str | None, limit: int, size: Callable[[T], int]) -> Listing[T]:
    if cursor is not None:
        rows = rows.filter(_beyond(by, cursor))
    found = list(rows.order_by(f"-{by}", "-pk")[: limit + 1])
    page = _within(found[:limit], size)
    return Listing(page, _encode(getattr(page[-1], by), page[-1].pk) if len(found) > len(page) else None)


def _beyond(by: str, cursor: str) -> Q:
    """What comes after the cursor; the first part alone is what an index can seek."""
    moment, pk = _decode(cursor)
    return Q(**{f"{by}__lte": moment}) & (Q(**{f"{by}__lt": moment}) | Q(pk__lt=pk))


def _within(rows: list[T], size: Callable[[T], int]) -> list[T]:
    """The first ones, as many as PAGE_CHARACTERS hold, but at least one."""
    for count, total in enumerate(itertools.accumulate(map(size, rows))):
        if total > PAGE_CHARACTERS and count:
            return rows[:count]
    return rows


def _encode(moment: datetime, pk: uuid.UUID) -> str:
    return base64.urlsafe_b64encode(f"{moment.isoformat()} {pk}".encode()).decode()


def _decode(cursor: str) -> tuple[datetime, uuid.UUID]:
    try:
        moment, pk = base64.urlsafe_b64decode(cursor).decode().split(" ")
        return datetime.fromisoformat(moment).astimezone(UTC), uuid.UUID(pk)
    except (ValueError, OverflowError) as error:
        raise BadCursor("cursor") from error
