"""Confirming a deletion that takes others along, without loading what will be deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from django.contrib.admin import AdminSite
from django.contrib.auth import get_permission_codename
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import CASCADE, ForeignObjectRel, Model, QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst

from conversations.models import Conversation, Project, Run
from conversations.workspaces import of_conversation, of_person, of_project, remove_when_committed

from .lists import ROW_LIMIT, ModelAdmin, count_within

M = TypeVar("M", bound=Model)
FOLDERS: dict[type[Model], Callable[[Any], Path]] = {
    Conversation: of_conversation,
    Project: of_project,
    User: of_person,
}
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
        with transaction.atomic():
            hold_live_runs(queryset)
            remove_when_committed(workspaces_of(queryset))
            super().delete_queryset(request, queryset)


def hold_live_runs(owners: QuerySet[Any]) -> None:
    """Whoever makes an answer that goes along writes no more of it from here to the end of the transaction: a step that
    came while the rows before it are collected would be in their way."""
    path = dict(cascade(owners.model)).get(Run)
    if path is not None:
        held = Run.objects.select_for_update().filter(**{f"{path}__in": owners}, status__in=Run.LIVE)
        list(held.order_by("pk").values_list("pk"))


def workspaces_of(owners: QuerySet[Any]) -> list[Path]:
    """The folders of files of all that goes with them."""
    paths = {owners.model: "pk", **dict(cascade(owners.model))}
    return [
        folder_of(pk)
        for model, folder_of in FOLDERS.items()
        if model in paths
        for pk in model._base_manager.filter(**{f"{paths[model]}__in": owners}).values_list("pk", flat=True)
    ]


def cascade(model: type[Model]) -> Iterator[tuple[type[Model], str]]:
    """Each model whose rows go with one of `model`, and the shortest path of lookups that leads back to it."""
    seen = {model}
    level = [(model, "")]
    while level:
        found = [pair for target, path in level for pair in _dependents(target, path)]
        level = []
        for dependent, path in found:
            if dependent not in seen:
                seen.add(dependent)
                level.append((dependent, path))
                yield dependent, path


def _dependents(model: type[Model], path: str) -> Iterator[tuple[type[Model], str]]:
    for relation in model._meta.get_fields(include_hidden=True):
        if isinstance(relation, ForeignObjectRel) and getattr(relation, "on_delete", None) is CASCADE:
            name = relation.field.name
            yield relation.related_model, f"{name}__{path}" if path else name


def may_delete(request: HttpRequest, site: AdminSite, model: type[Model]) -> bool:
    """Whether the requester has the permission to delete rows of a model that the admin shows."""
    opts = model._meta
    permission = f"{opts.app_label}.{get_permission_codename('delete', opts)}"
    return not site.is_registered(model) or request.user.has_perm(permission)
