from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core import checks
from django.test import override_settings

GOOD_KEY = "xK2vQ9pL7mN4bR8tW1zC5yH3jF6dG0sA"
MISTAKES: list[tuple[str, dict[str, Any], str]] = [
    ("W001", {"SECRET_KEY": "short"}, "SECRET_KEY is shorter"),
    ("W001", {"SECRET_KEY": "ab" * 30}, "repeats"),
    ("W002", {"LLM_BASE_URL": "http://127.0.0.1:1/v1", "LLM_MODELS": ()}, "without LLM_MODEL"),
    ("W003", {"LLM_BASE_URL": "", "LLM_MODELS": ("llama3",)}, "without LLM_BASE_URL"),
    (
        "W004",
        {"LLM_BASE_URL": "http://gpu.example/v1", "LLM_MODELS": ("a",), "LLM_API_KEY": "sk-1"},
        "unencrypted over the network to http://gpu.example/v1",
    ),
    ("W005", {"HOST": "0.0.0.0"}, "HOST is 0.0.0.0"),
    ("W006", {"PUBLIC_URL": "http://chat.example"}, "PUBLIC_URL is http://chat.example"),
    ("W007", {"DEBUG": True, "PUBLIC_URL": "https://chat.example"}, "DEBUG is on"),
    ("W008", {"ALLOWED_HOSTS": ["localhost", "*"]}, "ALLOWED_HOSTS has *"),
    ("W010", {"LLM_IDLE_TIMEOUT": 1000.0}, "longer than LLM_TIMEOUT"),
]
VALID: list[dict[str, Any]] = [
    {"SECRET_KEY": GOOD_KEY},
    {"LLM_BASE_URL": "https://api.example/v1", "LLM_MODELS": ("a",), "LLM_API_KEY": "sk-1"},
    {"LLM_BASE_URL": "http://127.0.0.1:11434/v1", "LLM_MODELS": ("a",), "LLM_API_KEY": "sk-1"},
    {"LLM_BASE_URL": "http://gpu.example/v1", "LLM_MODELS": ("a",), "LLM_API_KEY": ""},
    {"HOST": "0.0.0.0", "PUBLIC_URL": "https://chat.example"},
    {"HOST": "::1", "DEBUG": True},
    {"PUBLIC_URL": "http://localhost:8000"},
]


@pytest.fixture(autouse=True)
def valid_environment(tmp_path: Path) -> Iterator[None]:
    with override_settings(SECRET_KEY=GOOD_KEY, ENV_FILE=tmp_path / "none", VAR_DIR=tmp_path, DATABASE_FOLDER=tmp_path):
        yield


def run_checks() -> dict[str, checks.CheckMessage]:
    """Returns the messages of chatsite's checks by number."""
    return {str(message.id).removeprefix("chatsite."): message for message in checks.run_checks(tags=["chatsite"])}


@pytest.mark.parametrize(("number", "mistake", "words"), MISTAKES)
def test_a_misconfiguration_is_reported_with_a_hint(number: str, mistake: dict[str, Any], words: str) -> None:
    with override_settings(**mistake):
        messages = run_checks()
    assert list(messages) == [number]
    assert words in messages[number].msg
    assert messages[number].hint
    assert not messages[number].is_serious()


@pytest.mark.parametrize("configuration", VALID)
def test_a_valid_configuration_gives_no_messages(configuration: dict[str, Any]) -> None:
    with override_settings(**configuration):
        assert run_checks() == {}


def test_an_env_file_readable_by_others_is_reported(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("SECRET_KEY=a")
    with override_settings(ENV_FILE=file):
        file.chmod(0o640)
        assert list(run_checks()) == ["W009"]
        file.chmod(0o600)
        assert run_checks() == {}


def test_an_unwritable_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with override_settings(VAR_DIR=tmp_path / "file" / "var", DATABASE_FOLDER=tmp_path / "new"):
        messages = run_checks()
    assert list(messages) == ["E001"]
    assert messages["E001"].is_serious()
    assert messages["E001"].msg.startswith("VAR_DIR: nothing can be written to ")
