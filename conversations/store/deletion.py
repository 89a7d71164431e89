"""What a deletion of conversations, projects or accounts does besides deleting rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db.models import Model, QuerySet

from accounts.deletion import cascade
from accounts.models import User
from conversations.models import Conversation, Project, Run
from conversations.store.workspaces import of_conversation, of_project, of_user, remove_on_commit

FOLDERS: dict[type[Model], Callable[[Any], Path]] = {
    Conversation: of_conversation,
    Project: of_project,
    User: of_user,
}


def prepare_deletion(rows: QuerySet[Any]) -> None:
    """Locks the live runs that are deleted with the rows, and removes the files of what is deleted after the commit."""
    lock_live_runs(rows)
    remove_on_commit(workspaces_of(rows))


def lock_live_runs(rows: QuerySet[Any]) -> None:
    """Until the transaction ends, no owner of a run writes steps of it: a step written while Django collects the rows
    would violate its foreign key."""
    path = dict(cascade(rows.model)).get(Run)
    if path is not None:
        runs = Run.objects.select_for_update().filter(**{f"{path}__in": rows}, status__in=Run.LIVE)
        list(runs.order_by("pk").values_list("pk"))


def workspaces_of(rows: QuerySet[Any]) -> list[Path]:
    """The workspace folders of the rows and of everything that is deleted with them."""
    paths = {rows.model: "pk", **dict(cascade(rows.model))}
    return [
        folder_of(pk)
        for model, folder_of in FOLDERS.items()
        if model in paths
        for pk in model._base_manager.filter(**{f"{paths[model]}__in": rows}).values_list("pk", flat=True)
    ]
