from __future__ import annotations

import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.settings.conftest import Load


def test_the_env_file_is_read(load: Load, env_file: Path) -> None:
    env_file.write_text(
        "# where the model is\n"
        "\n"
        "LLM_BASE_URL=http://127.0.0.1:11434/v1/\n"
        "export LLM_MODEL='llama3, qwen3'\n"
        'LLM_API_KEY="a$b#c"\n'
        "LLM_TIMEOUT=12.5\r\n"
    )
    settings = load()
    assert settings["LLM_BASE_URL"] == "http://127.0.0.1:11434/v1"
    assert settings["LLM_MODELS"] == ("llama3", "qwen3")
    assert settings["LLM_API_KEY"] == "a$b#c"
    assert settings["LLM_TIMEOUT"] == 12.5


def test_the_environment_overrides_the_env_file(load: Load, env_file: Path) -> None:
    env_file.write_text("PORT=1111\nMAX_ITERATIONS=3\n")
    settings = load(PORT="2222")
    assert (settings["PORT"], settings["MAX_ITERATIONS"]) == (2222, 3)


def test_the_env_file_is_optional(load: Load) -> None:
    assert load()["PORT"] == 8000


def test_an_empty_value_counts_as_unset(load: Load, env_file: Path) -> None:
    env_file.write_text("LLM_MODEL=llama3\n")
    settings = load(PORT="", LLM_MODEL=" ")
    assert (settings["PORT"], settings["LLM_MODELS"]) == (8000, ("llama3",))


def test_unknown_names_are_ignored(load: Load, env_file: Path) -> None:
    env_file.write_text("SOMETHING_ELSE=1\n")
    load()


def test_an_invalid_line_is_reported_only_by_its_number(load: Load, env_file: Path) -> None:
    env_file.write_text("PORT=8000\nLLM_API_KEY hunter2\n")
    with pytest.raises(ImproperlyConfigured) as error:
        load()
    assert str(error.value) == f"{env_file}, line 2: expected NAME=VALUE, or a comment that starts with #"


def test_an_indented_comment_is_not_logged(load: Load, env_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    env_file.write_text("PORT=1111\n  # LLM_API_KEY=hunter2\n \t\n")
    assert load()["PORT"] == 1111
    assert "hunter2" not in caplog.text


def test_a_value_may_start_with_a_dollar_sign(load: Load, env_file: Path) -> None:
    env_file.write_text("LLM_API_KEY=$PORT\n")
    assert load(SECRET_KEY="$a-key")["SECRET_KEY"] == "$a-key"
    assert load()["LLM_API_KEY"] == "$PORT"


def test_an_unreadable_env_file_is_an_error(load: Load, env_file: Path) -> None:
    env_file.mkdir()
    with pytest.raises(ImproperlyConfigured, match="cannot be read: Is a directory"):
        load()


def test_an_env_file_in_another_encoding_is_an_error(load: Load, env_file: Path) -> None:
    env_file.write_bytes("LLM_MODEL=modèle\n".encode("latin-1"))
    with pytest.raises(ImproperlyConfigured, match="it is not UTF-8"):
        load()


def test_a_secret_can_come_from_a_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-from-a-file\n")
    assert load(LLM_API_KEY_FILE=str(tmp_path / "key"))["LLM_API_KEY"] == "sk-from-a-file"


def test_a_secret_in_the_environment_overrides_one_in_the_env_file(load: Load, env_file: Path, tmp_path: Path) -> None:
    env_file.write_text("LLM_API_KEY=sk-from-the-env-file\n")
    (tmp_path / "key").write_text("sk-from-a-file")
    assert load(LLM_API_KEY_FILE=str(tmp_path / "key"))["LLM_API_KEY"] == "sk-from-a-file"


def test_a_secret_given_twice_is_an_error(load: Load, tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="LLM_API_KEY and LLM_API_KEY_FILE are both set"):
        load(LLM_API_KEY="one", LLM_API_KEY_FILE=str(tmp_path / "key"))


@pytest.mark.parametrize(("content", "problem"), [(None, "No such file or directory"), (" \n", "not empty")])
def test_a_missing_or_empty_secrets_file_is_an_error(
    load: Load, tmp_path: Path, content: str | None, problem: str
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ImproperlyConfigured, match=rf"LLM_API_KEY_FILE is '{file}'.*{problem}"):
        load(LLM_API_KEY_FILE=str(file))


def test_folders_are_relative_to_the_project(load: Load, tmp_path: Path) -> None:
    settings = load(VAR_DIR="elsewhere")
    project = settings["BASE_DIR"]
    assert settings["DATABASES"]["default"]["NAME"] == project / "elsewhere" / "chatsite.sqlite3"
    assert settings["STATIC_ROOT"] == project / "elsewhere" / "static"
    assert load(VAR_DIR=str(tmp_path))["VAR_DIR"] == tmp_path


@pytest.mark.parametrize(("url", "file"), [("sqlite:////srv/a%20b.db", "/srv/a b.db"), ("sqlite:///b.db", "{}/b.db")])
def test_the_sqlite_database_can_be_in_another_place(load: Load, url: str, file: str) -> None:
    settings = load(DATABASE_URL=url)
    assert str(settings["DATABASES"]["default"]["NAME"]) == file.format(settings["BASE_DIR"])


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_the_database_can_be_postgresql(load: Load, scheme: str) -> None:
    settings = load(DATABASE_URL=f"{scheme}://ada:p%40ss@db.example:5433/chat?sslmode=require&connect_timeout=3")
    database = settings["DATABASES"]["default"]
    place = {name: database[name] for name in ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT")}
    assert place == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "chat",
        "USER": "ada",
        "PASSWORD": "p@ss",
        "HOST": "db.example",
        "PORT": "5433",
    }
    assert database["OPTIONS"]["sslmode"] == "require"
    assert database["OPTIONS"]["connect_timeout"] == "3", "what the URL says wins"
    assert database["OPTIONS"]["application_name"] == "chatsite"


def test_several_postgresql_hosts_and_sockets_can_be_given(load: Load) -> None:
    several = load(DATABASE_URL="postgres://a:5432,b:5433/chat?target_session_attrs=read-write")["DATABASES"]["default"]
    assert (several["HOST"], several["PORT"]) == ("a,b", "5432,5433")
    socket = load(DATABASE_URL="postgres:///chat?host=/run/postgresql")["DATABASES"]["default"]
    assert (socket["HOST"], socket["PORT"]) == ("/run/postgresql", "")


def test_the_size_of_the_connection_pool_can_be_set(load: Load) -> None:
    url = "postgres://db/chat"
    pool = load(DATABASE_URL=url, DATABASE_POOL_SIZE="30")["DATABASES"]["default"]["OPTIONS"]["pool"]
    assert pool["max_size"] == 30


def test_the_database_password_is_hidden_in_logs(load: Load) -> None:
    settings = load(DATABASE_URL="postgres://ada:correct-horse@db/chat?sslpassword=battery-staple")
    secrets = settings["LOGGING"]["formatters"]["line"]["secrets"]
    assert {"correct-horse", "battery-staple"} <= set(secrets)


def test_daphne_is_installed_only_for_runserver(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "daphne" not in load()["INSTALLED_APPS"]
    monkeypatch.setattr(sys, "argv", ["manage.py", "runserver"])
    assert load()["INSTALLED_APPS"][0] == "daphne"
