from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.settings.conftest import SETTINGS, Load

INVALID = [
    ("DEBUG", "maybe", "true or false"),
    ("LOG_LEVEL", "chatty", "one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
    ("HOST", "127.0.0.1:8000", "without a port"),
    ("HOST", "two words", "a host name or an IP address"),
    ("HOST", "[localhost]", "a host name or an IP address"),
    ("HOST", "[127.0.0.1]", "a host name or an IP address"),
    ("HOST", "-a.example", "a host name or an IP address"),
    ("PORT", "http", "a whole number from 0 to 65535"),
    ("PORT", "65536", "a whole number from 0 to 65535"),
    ("PORT", "-1", "a whole number"),
    ("PORT", "8_000", "a whole number"),
    ("PUBLIC_URL", "chat.example.com", "https://chat.example.com"),
    ("PUBLIC_URL", "https://chat.example.com/chat", "without a path"),
    ("PUBLIC_URL", "ftp://chat.example.com", "an address such as"),
    ("ALLOWED_HOSTS", "a.example,,b.example", "commas"),
    ("ALLOWED_HOSTS", "https://a.example", "host names or IP addresses, without ports"),
    ("ALLOWED_HOSTS", "a.example:8000", "without ports"),
    ("VAR_DIR", "~nobody-of-this-name/var", "a path"),
    ("LLM_BASE_URL", "localhost:11434", "an address such as"),
    ("LLM_BASE_URL", "http://localhost:port/v1", "an address such as"),
    ("LLM_BASE_URL", "http://:8000/v1", "an address such as"),
    ("LLM_BASE_URL", "https://example.com/v1?version=2", "query"),
    ("LLM_BASE_URL", "https://example.com/v1?", "query"),
    ("LLM_MODEL", "one,,two", "names with commas between them"),
    ("LLM_MODEL", "one, one", "each once"),
    ("LLM_THINKING_STYLE", "deeply", "one of none, thinking, enable_thinking"),
    ("LLM_CONTEXT_WINDOW", "1000", "a whole number from 1024"),
    ("LLM_CONNECT_TIMEOUT", "0", "a number of seconds above 0"),
    ("LLM_FIRST_TOKEN_TIMEOUT", "-5", "a number of seconds above 0"),
    ("LLM_IDLE_TIMEOUT", "nan", "a number of seconds above 0"),
    ("IMAGE_HOSTS", "https://a.example", "host names or IP addresses, without ports"),
    ("LLM_TIMEOUT", "15m", "a number of seconds above 0"),
    ("LLM_TIMEOUT", "inf", "86400 at most"),
    ("LLM_RETRIES", "2.5", "a whole number from 0 to 20"),
    ("MAX_ITERATIONS", "0", "a whole number from 1"),
    ("TOOL_MAX_WORKERS", "many", "a whole number from 1"),
    ("TOOL_RESULT_LIMIT", "10", "a whole number from 1000"),
    ("RUN_HEARTBEAT", "4000", "3600 at most"),
    ("LIMIT_RUNS_PER_USER", "٥", "a whole number from 1"),
]


@pytest.mark.parametrize(("name", "value", "expected"), INVALID)
def test_the_error_names_the_setting_its_value_and_the_expected_form(
    load: Load, name: str, value: str, expected: str
) -> None:
    with pytest.raises(ImproperlyConfigured) as error:
        load(**{name: value})
    assert str(error.value).startswith(f"{name} is {value!r}: expected ")
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LLM_API_KEY", "hunter2 hunter2"),
        ("SECRET_KEY", "hunter2\nhunter2"),
        ("DATABASE_URL", "postgres://ada:hunter2@db:port/chat"),
        ("DATABASE_URL", "postgres://ada:hunter2%ff@db/chat"),
        ("DATABASE_URL", "sqlite://[hunter2"),
        ("REDIS_URL", "http://ada:hunter2@redis"),
        ("REDIS_URL", "redis://ada:hunter2@[redis"),
        ("LLM_BASE_URL", "https://ada:hunter2@example.com/v1"),
    ],
)
def test_an_error_does_not_reveal_secrets(load: Load, name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured) as error:
        load(**{name: value})
    assert str(error.value).startswith(f"{name} has a wrong value (not shown): expected ")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://db/chat",
        "/srv/chat.sqlite3",
        "postgres://",
        "postgres://ada@db",
        "postgres://ada@db/",
        "postgres://ada@db:99x/chat",
        "postgres://ada@db/chat?sslmod=require",
        "postgres://ada@db/chat?sslmode",
        "postgres://ada@[::1/chat",
        "postgres://ada@db/chat room",
        "postgres:db",
    ],
)
def test_other_databases_than_a_sqlite_file_or_postgresql_are_refused(load: Load, url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"expected a database of SQLite in a file.*or one of PostgreSQL"):
        load(DATABASE_URL=url)


def test_a_missing_secret_key_is_an_error(load: Load) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"SECRET_KEY is not set: run script/server"):
        load(SECRET_KEY="")


@pytest.mark.parametrize("command", ["check", "migrate", "create_token", "runserver"])
def test_commands_exit_with_one_line_and_no_traceback(command: str) -> None:
    ended = run("manage.py", command, PORT="http")
    assert ended.returncode == 1
    assert ended.stderr == "chatsite cannot start: PORT is 'http': expected a whole number from 0 to 65535\n"


def test_the_server_exits_with_one_line_and_no_traceback() -> None:
    ended = run("-m", "chatsite.server", PORT="http")
    assert ended.returncode == 1
    assert ended.stderr == "chatsite cannot start: PORT is 'http': expected a whole number from 0 to 65535\n"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    project: Path = SETTINGS.parent.parent
    without = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env=without | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
