"""What an administrator deletes goes with its files, once that is sure."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from accounts.models import User
from conversations.models import Conversation, Project
from conversations.store.deletion import workspaces_of
from conversations.store.workspaces import of_conversation, of_project, of_user, remove_on_commit
from tests.faults.waiting import PATIENCE, POLL


@pytest.fixture
def folders(ada: User, tmp_path: Path, settings: Settings) -> dict[str, Path]:
    """Of each thing that a person has, with a file in it."""
    settings.VAR_DIR = tmp_path
    garden = Project.objects.create(owner=ada, name="Garden")
    own, in_garden = (Conversation.objects.create(owner=ada, project=project) for project in (None, garden))
    folders = {
        "person": of_user(ada.pk),
        "project": of_project(garden.pk),
        "conversation": of_conversation(own.pk),
        "conversation of the project": of_conversation(in_garden.pk),
    }
    for folder in folders.values():
        folder.mkdir(parents=True)
        (folder / "a.txt").write_text("Remember")
    return folders


def left(folders: dict[str, Path], count: int) -> set[str]:
    """Those that are there when so many are left."""
    deadline = time.monotonic() + PATIENCE
    while True:
        names = {name for name, folder in folders.items() if folder.exists()}
        if len(names) == count or time.monotonic() > deadline:
            return names
        time.sleep(POLL)


def delete(root: Client, row: Conversation | Project | User) -> None:
    url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_delete", args=[row.pk])
    assert root.post(url, {"post": "yes"}).status_code == 302


def test_a_conversation_takes_its_own(
    root: Client, folders: dict[str, Path], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        delete(root, Conversation.objects.get(project=None))
    assert left(folders, 3) == {"person", "project", "conversation of the project"}


def test_a_project_takes_its_own_and_leaves_the_conversations(
    root: Client, folders: dict[str, Path], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        delete(root, Project.objects.get())
    assert left(folders, 3) == {"person", "conversation", "conversation of the project"}


def test_a_person_takes_all(
    root: Client,
    ada: User,
    folders: dict[str, Path],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        delete(root, ada)
    assert left(folders, 0) == set()


def test_nothing_goes_with_a_deletion_that_is_taken_back(
    ada: User, folders: dict[str, Path], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True) as callbacks, transaction.atomic():
        remove_on_commit(workspaces_of(User.objects.filter(pk=ada.pk)))
        transaction.set_rollback(True)
    assert callbacks == []
    assert left(folders, 4) == set(folders)
