from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from tests.clone import Clone

KEY = r"SECRET_KEY=[\w-]{64}\n"


@pytest.fixture
def ready(clone: Clone) -> Clone:
    clone.install()
    return clone


def test_the_key_is_appended_to_the_env_file(ready: Clone) -> None:
    ready.env_file.write_text("PORT=9000")
    ready.env_file.chmod(0o644)
    ready.shell("make_secret_key")
    assert re.fullmatch(rf"PORT=9000\n{KEY}", ready.env_file.read_text())
    assert stat.S_IMODE(ready.env_file.stat().st_mode) == 0o600


def test_the_key_replaces_an_empty_one(ready: Clone) -> None:
    ready.env_file.write_text("SECRET_KEY=\n")
    ready.shell("make_secret_key")
    assert re.fullmatch(rf"SECRET_KEY=\n{KEY}", ready.env_file.read_text())


@pytest.mark.parametrize("line", ["SECRET_KEY=a-key\n", "export SECRET_KEY=a-key\n", "SECRET_KEY_FILE=/run/key\n"])
def test_a_key_in_the_env_file_is_kept(ready: Clone, line: str) -> None:
    ready.env_file.write_text(line)
    ready.shell("make_secret_key")
    assert ready.env_file.read_text() == line


@pytest.mark.parametrize("name", ["SECRET_KEY", "SECRET_KEY_FILE"])
def test_no_key_is_generated_when_the_environment_has_one(ready: Clone, name: str) -> None:
    ready.shell("make_secret_key", **{name: "something"})
    assert not ready.env_file.exists()


def test_the_key_is_written_to_the_file_that_settings_are_read_from(
    ready: Clone, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere: Path = tmp_path_factory.mktemp("etc") / "chatsite.env"
    ready.shell("make_secret_key", ENV_FILE=str(elsewhere))
    assert re.fullmatch(KEY, elsewhere.read_text())
    assert not ready.env_file.exists()
