"""Deleting a row in the admin removes its files after the transaction is committed."""

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
    """Creates a workspace folder with a file in it for the user and for everything that the user owns."""
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


def wait_for_remaining(folders: dict[str, Path], count: int) -> set[str]:
    """Waits until `count` folders exist, and returns the names of those that do."""
    deadline = time.monotonic() + PATIENCE
    while True:
        names = {name for name, folder in folders.items() if folder.exists()}
        if len(names) == count or time.monotonic() > deadline:
            return names
        time.sleep(POLL)


def delete(root: Client, row: Conversation | Project | User) -> None:
    url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_delete", args=[row.pk])
    assert root.post(url, {"post": "yes"}).status_code == 302


def test_deleting_a_conversation_removes_its_files(
    root: Client, folders: dict[str, Path], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        delete(root, Conversation.objects.get(project=None))
    assert wait_for_remaining(folders, 3) == {"person", "project", "conversation of the project"}


def test_deleting_a_project_removes_its_files_and_keeps_those_of_its_conversations(
    root: Client, folders: dict[str, Path], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        delete(root, Project.objects.get())
    assert wait_for_remaining(folders, 3) == {"person", "conversation", "conversation of the project"}


def test_deleting_a_user_removes_all_the_files(
    root: Client,
    ada: User,
    folders: dict[str, Path],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        delete(root, ada)
    assert wait_for_remaining(folders, 0) == set()


def test_a_rolled_back_deletion_removes_no_files(
    ada: User, folders: dict[str, Path], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True) as callbacks, transaction.atomic():
        remove_on_commit(workspaces_of(User.objects.filter(pk=ada.pk)))
        transaction.set_rollback(True)
    assert callbacks == []
    assert wait_for_remaining(folders, 4) == set(folders)
