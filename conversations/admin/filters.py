"""Filters of conversations, runs and token usage."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.admin.filters import InputFilter, UserFilter
from conversations.models import Run


class OwnerFilter(UserFilter):
    field = "owner"


class ModelFilter(InputFilter):
    """Filters by the exact name of a language model."""

    title = "model"
    parameter_name = "model"

    def apply(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(model=value)


class ErrorCodeFilter(InputFilter):
    """Filters by the error code of failed runs."""

    title = "error code"
    parameter_name = "error"

    def apply(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(status=Run.Status.FAILED, error_code=value)


class DayFilter(InputFilter):
    """Filters by a day in the current time zone."""

    title = "day"
    parameter_name = "day"
    input_type = "date"

    def apply(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        try:
            day = date.fromisoformat(value)
            start, end = _midnight(day), _midnight(day + timedelta(days=1))
        except (ValueError, OverflowError) as error:
            raise ValueError(f"“{value}” is not a day such as 2026-01-31.") from error
        return queryset.filter(created_at__gte=start, created_at__lt=end)


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min)).astimezone(UTC)


class LiveFilter(admin.SimpleListFilter):
    """Filters by whether a run is live or has ended."""

    title = "live"
    parameter_name = "live"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Iterable[tuple[str, str]]:
        return (("yes", "Live"), ("no", "Ended"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "yes":
            return queryset.filter(status__in=Run.LIVE)
        if self.value() == "no":
            return queryset.exclude(status__in=Run.LIVE)
        return queryset
