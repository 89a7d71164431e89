"""Admin lists of tables that may hold millions of rows: no list counts, sorts or reads more than it needs."""

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
        """Django's, subscriptable as in its type stubs."""


ROW_LIMIT = 10_000
"""Rows that a list counts and leads to; older ones are reached by a filter."""


def count_within(queryset: QuerySet[Any], limit: int) -> int:
    """The number of rows, or `limit + 1` for any number above `limit`, at the cost of that many."""
    return queryset.order_by()[: limit + 1].count()


class BoundedPaginator(QuerySetPaginator):
    """Pages over the first ROW_LIMIT rows; `more` says that there are others."""

    object_list: QuerySet[Any]

    @cached_property
    def _found(self) -> int:
        return count_within(self.object_list, ROW_LIMIT)

    @cached_property
    def count(self) -> int:
        return min(self._found, ROW_LIMIT)

    @property
    def more(self) -> bool:
        return self._found > ROW_LIMIT


class BoundedChangeList(ChangeList):
    """Leaves in the database what the admin's `list_defer` names."""

    model_admin: ListAdmin[Any]

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        if any("\0" in value for values in self.filter_params.values() for value in values):
            raise IncorrectLookupParameters  # PostgreSQL cannot even look for it
        queryset: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        return queryset.defer(*self.model_admin.list_defer)

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        # The number below the list tells of more than it counts; Django repeats it beside the search unless it is this.
        self.full_result_count = self.result_count


class ListAdmin(ModelAdmin[M]):
    """A list whose cost does not grow with its table.

    `search_fields` are the UUID columns that a searched id is compared with, `search_text` a column that any other
    term is looked for in (none: only ids can be searched). Actions work on the rows that were ticked, no others.
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
            wanted = uuid.UUID(term)
        except ValueError:
            return self._search_text(request, queryset, term), False
        matches = [Q((field, wanted)) for field in self.get_search_fields(request)]
        return queryset.filter(reduce(or_, matches)), False

    def _search_text(self, request: HttpRequest, queryset: QuerySet[M], term: str) -> QuerySet[M]:
        if self.search_text:
            return queryset.filter(**{f"{self.search_text}__icontains": term})
        self.message_user(request, f"“{term}” is not an id. {self.search_help_text}", messages.ERROR)
        return queryset.none()

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        ticked = request.POST.getlist(ACTION_CHECKBOX_NAME)
        return super().response_action(request, queryset.filter(pk__in=ticked), *args, **kwargs)


class ReadOnlyAdmin(ListAdmin[M]):
    """History: read by those who may view it, changed by nobody."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False
