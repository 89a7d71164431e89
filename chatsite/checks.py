"""Misconfigurations that a start survives, but should not pass unseen. script/server prints them, as manage.py does."""

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
from chatsite.process_lock import lock_of_database
from conversations.db.threads import DatabaseUnavailable

Check = Callable[..., list[CheckMessage]]
TAG = "chatsite"
SHORTEST_SECRET_KEY = 32


def warns_when(found: Callable[[], bool], number: str, message: str, hint: str) -> Check:
    """Registers a check that warns while `found()` holds. The texts may name settings as `{NAME}`."""

    def check(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
        if not found():
            return []
        return [CheckWarning(message.format_map(Shown()), hint.format_map(Shown()), id=f"chatsite.{number}")]

    return register(check, TAG)


class Shown(dict[str, str]):
    """Values of settings, looked up when a text names them."""

    def __missing__(self, name: str) -> str:
        return str(getattr(settings, name))


def is_exposed() -> bool:
    return not is_loopback(settings.HOST)


def goes_in_the_clear(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def is_guessable(key: str) -> bool:
    return len(key) < SHORTEST_SECRET_KEY or len(set(key)) < 8


def is_read_by_others(file: Path) -> bool:
    return file.is_file() and bool(file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def never_reached() -> bool:
    return max(settings.LLM_FIRST_TOKEN_TIMEOUT, settings.LLM_IDLE_TIMEOUT) > settings.LLM_TIMEOUT


warns_when(
    lambda: is_guessable(settings.SECRET_KEY),
    "W001",
    "SECRET_KEY is shorter than 32 characters, or repeats a few of them.",
    "Whoever guesses it can sign in as anybody. Remove it from .env, and script/server makes a good one.",
)
warns_when(
    lambda: bool(settings.LLM_BASE_URL) and not settings.LLM_MODELS,
    "W002",
    "LLM_BASE_URL is set without LLM_MODEL, so the demo model answers.",
    "Set LLM_MODEL to the name of a model that {LLM_BASE_URL} serves.",
)
warns_when(
    lambda: bool(settings.LLM_MODELS) and not settings.LLM_BASE_URL,
    "W003",
    "LLM_MODEL is set without LLM_BASE_URL, so the demo model answers.",
    "Set LLM_BASE_URL to the address of the model's server, such as http://127.0.0.1:11434/v1.",
)
warns_when(
    lambda: bool(settings.LLM_API_KEY) and goes_in_the_clear(settings.LLM_BASE_URL),
    "W004",
    "LLM_API_KEY is sent unencrypted over the network to {LLM_BASE_URL}.",
    "Use https, or leave the key out if that server needs none.",
)
warns_when(
    lambda: is_exposed() and not settings.PUBLIC_URL,
    "W005",
    "HOST is {HOST}, which other machines can reach, but PUBLIC_URL is not set.",
    "Set PUBLIC_URL to the address that people open, such as https://chat.example.com: other names are refused.",
)
warns_when(
    lambda: goes_in_the_clear(settings.PUBLIC_URL),
    "W006",
    "PUBLIC_URL is {PUBLIC_URL}: passwords and conversations cross the network unencrypted.",
    "Put a proxy with TLS in front and set PUBLIC_URL to its https address.",
)
warns_when(
    lambda: settings.DEBUG and (is_exposed() or bool(settings.PUBLIC_URL)),
    "W007",
    "DEBUG is on although others can reach this server: its error pages show source code and settings.",
    "Set DEBUG=false.",
)
warns_when(
    lambda: "*" in settings.ALLOWED_HOSTS,
    "W008",
    "ALLOWED_HOSTS has *: pages of any site may open a connection here.",
    "Set PUBLIC_URL instead, and ALLOWED_HOSTS to further names by which this server is reached.",
)
warns_when(
    lambda: is_read_by_others(settings.ENV_FILE),
    "W009",
    "{ENV_FILE} holds secrets, but other users of this machine have rights to it.",
    "Run: chmod 600 {ENV_FILE}",
)
warns_when(
    never_reached,
    "W010",
    "LLM_FIRST_TOKEN_TIMEOUT or LLM_IDLE_TIMEOUT is longer than LLM_TIMEOUT, which ends the answer before.",
    "Raise LLM_TIMEOUT, the limit of the whole answer.",
)


@register(Tags.database)
def check_no_other_process_serves(
    app_configs: Sequence[AppConfig] | None, databases: Collection[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Asks the database, so only where Django is told to: `manage.py check --database default`, and at a start."""
    if not databases or is_free_to_serve_from():
        return []
    return [
        CheckWarning(
            "A server runs on this database, and it or this process has no REDIS_URL.",
            hint="Start no second one beside it: neither would see the answers that the other makes. Set REDIS_URL for "
            "both, or stop that one first.",
            id="chatsite.W011",
        )
    ]


def is_free_to_serve_from() -> bool:
    """Whether a server could start on the database and see all the others there are."""
    lock = lock_of_database()
    try:
        return lock.take()
    except DatabaseUnavailable:
        return True  # nobody serves from what cannot be reached
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
            hint="Give the user who runs chatsite the right to write there, or name another folder.",
            id="chatsite.E001",
        )
        for name, folder in folders
        if folder and not is_writable(folder)
    ]


def is_writable(folder: Path) -> bool:
    """Whether the folder can be written to, or made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
