from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Sum
from django.http import HttpRequest

from accounts.admin.filters import UserFilter
from accounts.admin.lists import MAX_ROWS, BoundedChangeList, ReadOnlyAdmin
from conversations.models import TokenUsage

from .filters import DayFilter, ModelFilter


class UsageChangeList(BoundedChangeList):
    def totals(self) -> dict[str, Any]:
        """Returns the sums over the rows that match the filters, or the newest MAX_ROWS of them."""
        fields = ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens")
        return self.queryset[:MAX_ROWS].aggregate(**{name: Sum(name, default=0) for name in fields})  # type: ignore[no-any-return]


@admin.register(TokenUsage)
class TokenUsageAdmin(ReadOnlyAdmin[TokenUsage]):
    list_display = (
        *("created_at", "user", "model", "iteration", "prompt_tokens", "completion_tokens", "reasoning_tokens"),
        *("cached_tokens", "estimated", "first_token_ms", "total_ms"),
    )
    list_select_related = ("user",)
    list_filter = (UserFilter, ModelFilter, DayFilter, ("created_at", admin.DateFieldListFilter))
    search_fields = ("run", "conversation")
    search_help_text = "The id of a run or of a conversation."
    ordering = ("-created_at",)
    fields = (
        *("created_at", "user", "conversation", "run", "attempt", "iteration", "retry", "model"),
        *("prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens", "estimated"),
        *("first_token_ms", "total_ms"),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return UsageChangeList
