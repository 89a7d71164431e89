"""Deletion of rows with everything that refers to them, and of accounts in particular.

`on_delete` declares what a deletion takes along. An app that must do more, such as stop runs or remove files,
registers a hook with `before_deletion`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.db import transaction
from django.db.models import CASCADE, ForeignObjectRel, Model, QuerySet

from accounts.models import User

Hook = Callable[[QuerySet[Any]], None]
_hooks: list[Hook] = []


class LastAdministratorError(Exception):
    """The last active administrator cannot be deleted."""


def before_deletion(hook: Hook) -> Hook:
    """Registers a function that receives the rows before their deletion, in the same transaction."""
    _hooks.append(hook)
    return hook


def delete_rows(rows: QuerySet[Any]) -> int:
    """Runs the hooks, then deletes the rows and what refers to them. Returns the number of rows, without the others."""
    with transaction.atomic():
        for hook in _hooks:
            hook(rows)
        _, deleted = rows.delete()
    return deleted.get(rows.model._meta.label, 0)


def is_last_administrator(user: User) -> bool:
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    return user.is_superuser and not others.exists()


def delete_account(user: User) -> None:
    """Deletes the user with everything that belongs to them. Token usage stays, without a user.

    Locks the rows of all administrators, so that the last two cannot delete their accounts at the same time.
    Raises LastAdministratorError.
    """
    with transaction.atomic():
        list(User.objects.select_for_update().filter(is_superuser=True).order_by("pk"))
        if is_last_administrator(user):
            raise LastAdministratorError
        delete_rows(User.objects.filter(pk=user.pk))


def cascade(model: type[Model]) -> Iterator[tuple[type[Model], str]]:
    """Yields each model whose rows are deleted with a row of `model`, with the shortest lookup path back to it."""
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
