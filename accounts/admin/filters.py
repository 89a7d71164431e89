"""Filters whose values are typed, for columns that hold too many to list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import User


class InputFilter(admin.SimpleListFilter):
    """A filter with a field to type in. `narrow` applies what was typed; a ValueError of it is shown to the reader."""

    template = "admin/input_filter.html"
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
