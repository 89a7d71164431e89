"""Confirming a deletion that takes others along, without loading what will be deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from django.contrib.admin import AdminSite
from django.contrib.auth import get_permission_codename
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst

from accounts.admin.lists import ROW_LIMIT, ModelAdmin, count_within
from accounts.deletion import cascade, delete_rows

M = TypeVar("M", bound=Model)
NAMED = 100
"""Objects named on a confirmation; of more, only the number is told."""


class CountedDeletion(ModelAdmin[M]):
    """Shows how much goes along where Django would list each row of it.

    Whoever deletes needs the permission for all that goes along, although history is read-only by itself.
    """

    def get_deleted_objects(
        self, objs: Sequence[M] | QuerySet[M], request: HttpRequest
    ) -> tuple[list[str], dict[str, Any], set[str], list[str]]:
        counts: dict[str, Any] = {str(self.opts.verbose_name_plural): len(objs)}
        lacking = set()
        for model, path in cascade(self.model):
            count = count_within(model._base_manager.filter(**{f"{path}__in": objs}), ROW_LIMIT)
            if not count:
                continue
            counts[str(model._meta.verbose_name_plural)] = count if count <= ROW_LIMIT else f"more than {ROW_LIMIT:,}"
            if not may_delete(request, self.admin_site, model):
                lacking.add(str(model._meta.verbose_name))
        names = [f"{capfirst(self.opts.verbose_name)}: {obj}" for obj in objs[:NAMED]]
        if len(objs) > NAMED:
            names.append(f"and {len(objs) - NAMED} more")
        return names, counts, lacking, []

    def delete_model(self, request: HttpRequest, obj: M) -> None:
        self.delete_queryset(request, self.model._default_manager.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[M]) -> None:
        delete_rows(queryset)


def may_delete(request: HttpRequest, site: AdminSite, model: type[Model]) -> bool:
    """Whether the requester has the permission to delete rows of a model that the admin shows."""
    opts = model._meta
    permission = f"{opts.app_label}.{get_permission_codename('delete', opts)}"
    return not site.is_registered(model) or request.user.has_perm(permission)
