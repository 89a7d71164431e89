"""Filters with an input field, for columns with too many values to list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import User


class InputFilter(admin.SimpleListFilter):
    """A filter with an input field. Shows the message of a ValueError that `apply` raises and then lists no rows."""

    template = "admin/input_filter.html"
    input_type: ClassVar[str] = "text"

    def apply(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Returns the rows that match the value, which is not empty. Raises ValueError if it is not valid."""
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").strip()
        if not value:
            return queryset
        try:
            return self.apply(queryset, value)
        except ValueError as error:
            messages.error(request, str(error))
            return queryset.none()

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> Iterable[tuple[str, str]]:
        return ()

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: ChangeList) -> Iterator[Mapping[str, object]]:  # type: ignore[override]
        """Yields the other query parameters of the list, which the filter's form submits as hidden fields."""
        for name, value in changelist.params.items():
            if name != self.parameter_name:
                yield {"name": name, "value": value}


class UserFilter(InputFilter):
    """Filters by the exact username of the user in `field`."""

    title = "username"
    parameter_name = "username"
    field: ClassVar[str] = "user"

    def apply(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        user = User.objects.filter(username=value).first()
        if user is None:
            raise ValueError(f"There is no user “{value}”.")
        return queryset.filter(**{self.field: user})
