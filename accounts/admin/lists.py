"""Admin lists for tables with millions of rows: they count, sort and load no more than a page needs."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property

M = TypeVar("M", bound=Model)

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin
    QuerySetPaginator = Paginator[Any]
else:
    QuerySetPaginator = Paginator

    class ModelAdmin(Generic[M], admin.ModelAdmin):
        """Django's ModelAdmin, subscriptable as in its type stubs."""


MAX_ROWS = 10_000
"""Rows that a list counts and pages through. Older rows are found with a filter."""


def count_up_to(queryset: QuerySet[Any], limit: int) -> int:
    """Returns the number of rows, or `limit + 1` if there are more. The database reads at most that many."""
    return queryset.order_by()[: limit + 1].count()


class BoundedPaginator(QuerySetPaginator):
    """Paginates the first MAX_ROWS rows. `has_more` is true if there are others."""

    object_list: QuerySet[Any]

    @cached_property
    def _bounded_count(self) -> int:
        return count_up_to(self.object_list, MAX_ROWS)

    @cached_property
    def count(self) -> int:
        return min(self._bounded_count, MAX_ROWS)

    @property
    def has_more(self) -> bool:
        return self._bounded_count > MAX_ROWS


class BoundedChangeList(ChangeList):
    """Defers the columns in the admin's `list_defer`."""

    model_admin: ListAdmin[Any]

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        if any("\0" in value for values in self.filter_params.values() for value in values):
            raise IncorrectLookupParameters  # PostgreSQL refuses NUL in a query
        queryset: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        return queryset.defer(*self.model_admin.list_defer)

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        # pagination.html shows the count. Django repeats it beside the search field unless both numbers are equal.
        self.full_result_count = self.result_count


class ListAdmin(ModelAdmin[M]):
    """A list whose cost does not grow with its table.

    A search term that is a UUID is compared with the columns in `search_fields`. Any other term is searched for in
    the column `search_text`; if that is empty, only ids can be searched. Actions apply to the selected rows alone,
    never to all rows of the list.
    """

    list_defer: ClassVar[Sequence[str]] = ()
    search_text: ClassVar[str] = ""
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    paginator = BoundedPaginator

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BoundedChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            searched_id = uuid.UUID(term)
        except ValueError:
            return self._search_text(request, queryset, term), False
        matches = [Q((field, searched_id)) for field in self.get_search_fields(request)]
        return queryset.filter(reduce(or_, matches)), False

    def _search_text(self, request: HttpRequest, queryset: QuerySet[M], term: str) -> QuerySet[M]:
        if self.search_text:
            return queryset.filter(**{f"{self.search_text}__icontains": term})
        self.message_user(request, f"“{term}” is not an id. {self.search_help_text}", messages.ERROR)
        return queryset.none()

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
        return super().response_action(request, queryset.filter(pk__in=selected), *args, **kwargs)


class ReadOnlyAdmin(ListAdmin[M]):
    """An admin of rows that can be viewed but not changed."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False
