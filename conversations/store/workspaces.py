"""The folders in which tools keep a person's files, and their end when what they belong to is deleted."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction

from tools.workspace import workspace_path

logger = logging.getLogger(__name__)


def workspaces_folder() -> Path:
    """Of all workspaces."""
    return Path(settings.VAR_DIR) / "workspaces"


def of_conversation(conversation_id: UUID) -> Path:
    """Its own, which one of a project has only from a time before."""
    return workspace_path(workspaces_folder(), project_id=None, conversation_id=conversation_id, user_id=0)


def of_project(project_id: UUID) -> Path:
    return workspace_path(workspaces_folder(), project_id=project_id, conversation_id=None, user_id=0)


def of_user(user_id: int) -> Path:
    return workspace_path(workspaces_folder(), project_id=None, conversation_id=None, user_id=user_id)


def remove_when_committed(workspaces: Iterable[Path]) -> None:
    """Within a transaction that deletes what they belong to. Nobody waits for it; a failure is logged."""
    transaction.on_commit(partial(remove_soon, list(workspaces)))


def remove_soon(workspaces: Iterable[Path]) -> None:
    """In a thread of its own: there may be many files."""
    threading.Thread(target=_remove, args=(workspaces,), name="removal of workspaces", daemon=True).start()


def _remove(workspaces: Iterable[Path]) -> None:
    for workspace in workspaces:
        try:
            shutil.rmtree(workspace)  # of a link it takes nothing away
        except FileNotFoundError:
            continue  # no tool has ever written there
        except OSError as error:
            logger.error("the files of what was deleted stay in %s: %s", workspace, error)
