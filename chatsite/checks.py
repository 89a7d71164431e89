"""System checks for settings that work but are probably mistakes. script/server and manage.py print their warnings."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning

from chatsite.environment import is_loopback
from chatsite.process_lock import database_lock
from conversations.db.threads import DatabaseUnavailable

Check = Callable[..., list[CheckMessage]]
TAG = "chatsite"
MIN_SECRET_KEY_LENGTH = 32


def register_warning(condition: Callable[[], bool], number: str, message: str, hint: str) -> Check:
    """Registers a check that warns if `condition` returns True. The texts may contain settings as `{NAME}`."""

    def check(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
        if not condition():
            return []
        values = SettingValues()
        return [CheckWarning(message.format_map(values), hint.format_map(values), id=f"chatsite.{number}")]

    return register(check, TAG)


class SettingValues(dict[str, str]):
    """The values of settings by name, for str.format_map."""

    def __missing__(self, name: str) -> str:
        return str(getattr(settings, name))


def is_exposed() -> bool:
    return not is_loopback(settings.HOST)


def is_unencrypted(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def is_guessable(key: str) -> bool:
    return len(key) < MIN_SECRET_KEY_LENGTH or len(set(key)) < 8


def is_readable_by_others(file: Path) -> bool:
    return file.is_file() and bool(file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def has_unreachable_timeout() -> bool:
    return max(settings.LLM_FIRST_TOKEN_TIMEOUT, settings.LLM_IDLE_TIMEOUT) > settings.LLM_TIMEOUT


register_warning(
    lambda: is_guessable(settings.SECRET_KEY),
    "W001",
    "SECRET_KEY is shorter than 32 characters, or repeats a few of them.",
    "Anyone who guesses it can sign in as any user. Remove it from .env, and script/server creates a good one.",
)
register_warning(
    lambda: bool(settings.LLM_BASE_URL) and not settings.LLM_MODELS,
    "W002",
    "LLM_BASE_URL is set without LLM_MODEL, so the demo model answers.",
    "Set LLM_MODEL to the name of a model that {LLM_BASE_URL} serves.",
)
register_warning(
    lambda: bool(settings.LLM_MODELS) and not settings.LLM_BASE_URL,
    "W003",
    "LLM_MODEL is set without LLM_BASE_URL, so the demo model answers.",
    "Set LLM_BASE_URL to the address of the model's server, such as http://127.0.0.1:11434/v1.",
)
register_warning(
    lambda: bool(settings.LLM_API_KEY) and is_unencrypted(settings.LLM_BASE_URL),
    "W004",
    "LLM_API_KEY is sent unencrypted over the network to {LLM_BASE_URL}.",
    "Use https, or leave the key out if that server needs none.",
)
register_warning(
    lambda: is_exposed() and not settings.PUBLIC_URL,
    "W005",
    "HOST is {HOST}, which other machines can reach, but PUBLIC_URL is not set.",
    "Set PUBLIC_URL to the address that people open, such as https://chat.example.com: other names are refused.",
)
register_warning(
    lambda: is_unencrypted(settings.PUBLIC_URL),
    "W006",
    "PUBLIC_URL is {PUBLIC_URL}: passwords and conversations cross the network unencrypted.",
    "Put a proxy with TLS in front and set PUBLIC_URL to its https address.",
)
register_warning(
    lambda: settings.DEBUG and (is_exposed() or bool(settings.PUBLIC_URL)),
    "W007",
    "DEBUG is on although others can reach this server: its error pages show source code and settings.",
    "Set DEBUG=false.",
)
register_warning(
    lambda: "*" in settings.ALLOWED_HOSTS,
    "W008",
    "ALLOWED_HOSTS has *: pages of any site may open a connection here.",
    "Set PUBLIC_URL instead, and ALLOWED_HOSTS to further names by which this server is reached.",
)
register_warning(
    lambda: is_readable_by_others(settings.ENV_FILE),
    "W009",
    "{ENV_FILE} holds secrets, but other users of this machine have rights to it.",
    "Run: chmod 600 {ENV_FILE}",
)
register_warning(
    has_unreachable_timeout,
    "W010",
    "LLM_FIRST_TOKEN_TIMEOUT or LLM_IDLE_TIMEOUT is longer than LLM_TIMEOUT, which ends the answer before.",
    "Raise LLM_TIMEOUT, the limit of the whole answer.",
)


@register(Tags.database)
def check_no_other_process_serves(
    app_configs: Sequence[AppConfig] | None, databases: Collection[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Runs only with `manage.py check --database default` and at a start, because it queries the database."""
    if not databases or can_serve_database():
        return []
    return [
        CheckWarning(
            "A server runs on this database, and it or this process has no REDIS_URL.",
            hint="Do not start a second one: neither would see the answers of the other. Set REDIS_URL for both, or "
            "stop the other one first.",
            id="chatsite.W011",
        )
    ]


def can_serve_database() -> bool:
    """Returns whether a server can start on the database and reach all other servers on it."""
    lock = database_lock()
    try:
        return lock.acquire()
    except DatabaseUnavailable:
        return True  # No server runs on a database that cannot be reached.
    finally:
        lock.release()


@register(TAG)
def check_folders_are_writable(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    folders: Iterable[tuple[str, Path | None]] = (
        ("VAR_DIR", settings.VAR_DIR),
        ("DATABASE_URL", settings.DATABASE_FOLDER),
    )
    return [
        Error(
            f"{name}: nothing can be written to {folder}.",
            hint="Give the user who runs chatsite write permission there, or set another folder.",
            id="chatsite.E001",
        )
        for name, folder in folders
        if folder and not is_writable(folder)
    ]


def is_writable(folder: Path) -> bool:
    """Returns whether the folder can be written to, or created."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
