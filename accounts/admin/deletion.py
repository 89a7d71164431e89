"""Confirmation of deletions that cascade, without loading the rows that will be deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from django.contrib.admin import AdminSite
from django.contrib.auth import get_permission_codename
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst

from accounts.admin.lists import MAX_ROWS, ModelAdmin, count_up_to
from accounts.deletion import cascade, delete_rows

M = TypeVar("M", bound=Model)
MAX_NAMED_OBJECTS = 100
"""Objects that a confirmation page names. Of any others it shows only the number."""


class CountedDeletion(ModelAdmin[M]):
    """Shows the number of related rows that will be deleted, where Django would list each of them.

    Deleting requires the delete permission for every model in the cascade, including those whose own admin is
    read-only.
    """

    def get_deleted_objects(
        self, objs: Sequence[M] | QuerySet[M], request: HttpRequest
    ) -> tuple[list[str], dict[str, Any], set[str], list[str]]:
        counts: dict[str, Any] = {str(self.opts.verbose_name_plural): len(objs)}
        missing_permissions = set()
        for model, path in cascade(self.model):
            count = count_up_to(model._base_manager.filter(**{f"{path}__in": objs}), MAX_ROWS)
            if not count:
                continue
            counts[str(model._meta.verbose_name_plural)] = count if count <= MAX_ROWS else f"more than {MAX_ROWS:,}"
            if not _has_delete_permission(request, self.admin_site, model):
                missing_permissions.add(str(model._meta.verbose_name))
        names = [f"{capfirst(self.opts.verbose_name)}: {obj}" for obj in objs[:MAX_NAMED_OBJECTS]]
        if len(objs) > MAX_NAMED_OBJECTS:
            names.append(f"and {len(objs) - MAX_NAMED_OBJECTS} more")
        return names, counts, missing_permissions, []

    def delete_model(self, request: HttpRequest, obj: M) -> None:
        self.delete_queryset(request, self.model._default_manager.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[M]) -> None:
        delete_rows(queryset)


def _has_delete_permission(request: HttpRequest, site: AdminSite, model: type[Model]) -> bool:
    """Returns whether the user may delete rows of the model. Models that are not in the admin need no permission."""
    opts = model._meta
    permission = f"{opts.app_label}.{get_permission_codename('delete', opts)}"
    return not site.is_registered(model) or request.user.has_perm(permission)
