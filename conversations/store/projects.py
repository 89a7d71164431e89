"""Creates, changes and deletes projects."""

from __future__ import annotations

import uuid

from accounts.deletion import delete_rows
from conversations.errors import NotFound
from conversations.models import Project


def create_project(*, user_id: int, name: str, instructions: str = "") -> Project:
    return Project.objects.create(owner_id=user_id, name=name, instructions=instructions)


def update_project(*, user_id: int, project_id: uuid.UUID, name: str, instructions: str) -> None:
    """Raises NotFound."""
    own = Project.objects.filter(pk=project_id, owner_id=user_id)
    if not own.update(name=name, instructions=instructions):
        raise NotFound("project")


def delete_project(*, user_id: int, project_id: uuid.UUID) -> None:
    """Deletes the project with its files; its conversations stay, without a project. Raises NotFound."""
    if not delete_rows(Project.objects.filter(pk=project_id, owner_id=user_id)):
        raise NotFound("project")
