"""Lists of a person's conversations under headings of time, a page at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse
from django.utils import formats, timezone

from accounts.models import User
from conversations.models import Conversation
from conversations.queries.lists import Listing, list_conversations, list_pinned_first
from conversations.web.strings import STRINGS


@dataclass(frozen=True, slots=True)
class Period:
    """Conversations under one heading; each has `live_run_id`."""

    label: str
    conversations: list[Conversation]


@dataclass(frozen=True, slots=True)
class ConversationList:
    """`next_page` is the address of what follows, without a page around it; None at the end."""

    periods: list[Period]
    next_page: str | None


def load_sidebar(user: User, before: str | None = None) -> ConversationList:
    """Of those that are not archived, the pinned ones first. One query. Raises BadCursor."""
    listing = list_pinned_first(user_id=user.pk, cursor=before)
    return _shown(listing, lambda one, now: str(STRINGS["pinned"]) if one.pinned else period_of(one.updated_at, now))


def load_project(user: User, project_id: UUID, before: str | None = None) -> ConversationList:
    """One query. Raises BadCursor."""
    listing = list_conversations(user_id=user.pk, project_id=project_id, cursor=before)
    return _shown(listing, _period, project=str(project_id))


def load_archived(user: User, before: str | None = None) -> ConversationList:
    """One query. Raises BadCursor."""
    return _shown(list_conversations(user_id=user.pk, archived=True, cursor=before), _period, archived="1")


def period_of(moment: datetime, now: datetime) -> str:
    """The heading for a moment; `now` is in the reader's zone. conversation-list.js says the same for the browser's."""
    local = moment.astimezone(now.tzinfo)
    days = (now.date() - local.date()).days
    if days <= 0:
        return str(STRINGS["today"])
    if days == 1:
        return str(STRINGS["yesterday"])
    if days <= 7:
        return str(STRINGS["week"])
    return formats.date_format(local, "YEAR_MONTH_FORMAT")


def _period(conversation: Conversation, now: datetime) -> str:
    return period_of(conversation.updated_at, now)


def _shown(
    listing: Listing[Conversation], label: Callable[[Conversation, datetime], str], **which: str
) -> ConversationList:
    now = timezone.localtime()
    by_label = groupby(listing.rows, lambda conversation: label(conversation, now))
    periods = [Period(heading, list(group)) for heading, group in by_label]
    if listing.next_cursor is None:
        return ConversationList(periods, None)
    query = urlencode({**which, "before": listing.next_cursor})
    return ConversationList(periods, f"{reverse('conversations:conversations')}?{query}")
