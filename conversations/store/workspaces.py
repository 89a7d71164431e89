"""The folders in which tools keep files, and their removal when the owner of the folder is deleted."""

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
    """Returns the folder that contains all workspaces."""
    return Path(settings.VAR_DIR) / "workspaces"


def of_conversation(conversation_id: UUID) -> Path:
    """Returns its own folder, which a conversation that is in a project now may have from before."""
    return workspace_path(workspaces_folder(), project_id=None, conversation_id=conversation_id, user_id=0)


def of_project(project_id: UUID) -> Path:
    return workspace_path(workspaces_folder(), project_id=project_id, conversation_id=None, user_id=0)


def of_user(user_id: int) -> Path:
    return workspace_path(workspaces_folder(), project_id=None, conversation_id=None, user_id=user_id)


def remove_on_commit(folders: Iterable[Path]) -> None:
    """Removes the folders after the open transaction commits."""
    transaction.on_commit(partial(remove_in_thread, list(folders)))


def remove_in_thread(folders: Iterable[Path]) -> None:
    """Removes the folders in a thread, as there may be many files. A failure is logged."""
    threading.Thread(target=_remove, args=(folders,), name="remove-workspaces", daemon=True).start()


def _remove(folders: Iterable[Path]) -> None:
    for folder in folders:
        try:
            shutil.rmtree(folder)  # refuses a symbolic link
        except FileNotFoundError:
            continue  # no tool has written there
        except OSError as error:
            logger.error("the files of what was deleted stay in %s: %s", folder, error)
