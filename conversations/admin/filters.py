"""Filters whose values are typed, for columns that hold too many to list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from conversations.models import Run


class InputFilter(admin.SimpleListFilter):
    """A filter with a field to type in. `narrow` applies what was typed; a ValueError of it is shown to the reader."""

    template = "admin/conversations/input_filter.html"
    input_type: ClassVar[str] = "text"

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").strip()
        if not value:
            return queryset
        try:
            return self.narrow(queryset, value)
        except ValueError as error:
            messages.error(request, str(error))
            return queryset.none()

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Iterable[tuple[str, str]]:
        return ()

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: ChangeList) -> Iterator[Mapping[str, object]]:  # type: ignore[override]
        """The other parameters of the list, which the filter's form sends along."""
        for name, value in changelist.params.items():
            if name != self.parameter_name:
                yield {"name": name, "value": value}


class UserFilter(InputFilter):
    """By the exact name of the person that `field` refers to."""

    title = "username"
    parameter_name = "username"
    field: ClassVar[str] = "user"

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        user = User.objects.filter(username=value).first()
        if user is None:
            raise ValueError(f"There is no user “{value}”.")
        return queryset.filter(**{self.field: user})


class OwnerFilter(UserFilter):
    field = "owner"


class ModelFilter(InputFilter):
    """By the exact name of a language model."""

    title = "model"
    parameter_name = "model"

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(model=value)


class ErrorCodeFilter(InputFilter):
    """By the code of the error that a run ended in."""

    title = "error code"
    parameter_name = "error"

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(status=Run.Status.FAILED, error_code=value)


class DayFilter(InputFilter):
    """By a day of the current time zone."""

    title = "day"
    parameter_name = "day"
    input_type = "date"

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        try:
            day = date.fromisoformat(value)
            start, end = _midnight(day), _midnight(day + timedelta(days=1))
        except (ValueError, OverflowError) as error:
            raise ValueError(f"“{value}” is not a day such as 2026-01-31.") from error
        return queryset.filter(created_at__gte=start, created_at__lt=end)


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min)).astimezone(UTC)


class LiveFilter(admin.SimpleListFilter):
    """Runs that are being made, or that have ended."""

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
