"""Lists of a person's conversations, grouped by period, one page at a time."""

from __future__ import annotations

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
    """Conversations under one heading. Each has `live_run_id`."""

    label: str
    conversations: list[Conversation]


@dataclass(frozen=True, slots=True)
class ConversationList:
    """`next_page` is the URL of the fragment that follows, None at the end."""

    periods: list[Period]
    next_page: str | None


def load_sidebar_conversations(user: User, before: str | None = None) -> ConversationList:
    """Loads the conversations that are not archived, pinned ones first, in one query. Raises BadCursor."""
    return _group_by_period(list_pinned_first(user_id=user.pk, cursor=before), separate_pinned=True)


def load_project_conversations(user: User, project_id: UUID, before: str | None = None) -> ConversationList:
    """Loads the project's conversations that are not archived, in one query. Raises BadCursor."""
    listing = list_conversations(user_id=user.pk, project_id=project_id, cursor=before)
    return _group_by_period(listing, project=str(project_id))


def load_archived_conversations(user: User, before: str | None = None) -> ConversationList:
    """Loads the archived conversations, in one query. Raises BadCursor."""
    return _group_by_period(list_conversations(user_id=user.pk, archived=True, cursor=before), archived="1")


def period_label(moment: datetime, now: datetime) -> str:
    """Returns the heading for a moment: a day, the week or the month, in the time zone of `now`.

    dates.js computes the same for the browser's time zone.
    """
    local = moment.astimezone(now.tzinfo)
    days = (now.date() - local.date()).days
    if days <= 0:
        return str(STRINGS["today"])
    if days == 1:
        return str(STRINGS["yesterday"])
    if days <= 7:
        return str(STRINGS["week"])
    return formats.date_format(local, "YEAR_MONTH_FORMAT")


def _group_by_period(
    listing: Listing[Conversation], *, separate_pinned: bool = False, **query: str
) -> ConversationList:
    """`query` holds the parameters that select the list in `next_page`."""
    now = timezone.localtime()

    def label(conversation: Conversation) -> str:
        if separate_pinned and conversation.pinned:
            return str(STRINGS["pinned"])
        return period_label(conversation.updated_at, now)

    periods = [Period(heading, list(group)) for heading, group in groupby(listing.rows, label)]
    if listing.next_cursor is None:
        return ConversationList(periods, None)
    parameters = urlencode({**query, "before": listing.next_cursor})
    return ConversationList(periods, f"{reverse('conversations:conversations')}?{parameters}")
