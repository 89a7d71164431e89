"""Deletes rows with everything that refers to them, accounts among them.

What goes along is declared by `on_delete`. An app that must do more, such as stop work in progress or remove files,
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
    """The last administrator cannot be deleted: the next visitor could become one, or nobody ever."""


def before_deletion(hook: Hook) -> Hook:
    """Registers a function that gets the rows before they are deleted, in the transaction that deletes them."""
    _hooks.append(hook)
    return hook


def delete_rows(rows: QuerySet[Any]) -> int:
    """Deletes the rows and what refers to them, after the hooks have run. Returns how many of the rows there were."""
    with transaction.atomic():
        for hook in _hooks:
            hook(rows)
        _, deleted = rows.delete()
    return deleted.get(rows.model._meta.label, 0)


def is_last_administrator(user: User) -> bool:
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    return user.is_superuser and not others.exists()


def delete_account(user: User) -> None:
    """Deletes the user with everything that belongs to them; token usage stays, without a name.

    Raises LastAdministratorError. Two administrators who delete their accounts at once wait for each other.
    """
    with transaction.atomic():
        list(User.objects.select_for_update().filter(is_superuser=True).order_by("pk"))
        if is_last_administrator(user):
            raise LastAdministratorError
        delete_rows(User.objects.filter(pk=user.pk))


def cascade(model: type[Model]) -> Iterator[tuple[type[Model], str]]:
    """Yields each model whose rows are deleted with one of `model`, with the shortest lookup path back to it."""
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
