"""A person leaves: all that is theirs goes, in the database and in the workspaces."""

from __future__ import annotations

from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction

from conversations import workspaces
from conversations.models import Conversation, Project, Run


class LastAdministratorError(Exception):
    """Without any administrator, the next visitor could become one, or nobody ever."""


def is_last_administrator(user: User) -> bool:
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    return user.is_superuser and not others.exists()


def delete_account(user: User) -> None:
    """With conversations, projects, tokens and sessions; the ledger keeps figures without a name.

    Raises LastAdministratorError. Two administrators who leave at once wait for each other.
    """
    with transaction.atomic():
        list(User.objects.select_for_update().filter(is_superuser=True).order_by("pk"))
        if is_last_administrator(user):
            raise LastAdministratorError
        list(Run.objects.select_for_update().filter(user=user, status__in=Run.LIVE))  # who makes them writes no more
        workspaces.remove_when_committed(_workspaces(user))
        user.delete()


def _workspaces(user: User) -> list[Path]:
    projects = Project.objects.filter(owner=user).values_list("pk", flat=True)
    conversations = Conversation.objects.filter(owner=user).values_list("pk", flat=True)
    return [
        *map(workspaces.of_project, projects),
        *map(workspaces.of_conversation, conversations),
        workspaces.of_person(user.pk),
    ]
