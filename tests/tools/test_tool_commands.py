from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User

PROJECT = "0f8fad5b-d9cb-469f-a165-70867728950e"


def output_of(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def result_of(*arguments: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(output_of("call_tool", *arguments))
    return payload


@pytest.fixture
def workspaces(tmp_path: Path, settings: Any) -> Path:
    settings.VAR_DIR = tmp_path
    return tmp_path / "workspaces"


def test_the_tools_command_prints_a_readable_list() -> None:
    text = output_of("tools")
    assert "read_file(path, offset?, limit?)\n  files, only reads\n" in text
    assert "write_file(path, content)\n  files, writes\n" in text
    assert 'path: string, default "." - A folder' in text


def test_the_tools_command_prints_json() -> None:
    listed = {tool["name"]: tool for tool in json.loads(output_of("tools", "--json"))}
    assert listed["calculator"]["parameters"]["required"] == ["expression"]
    assert (listed["calculator"]["category"], listed["calculator"]["read_only"]) == ("math", True)
    assert listed["calculator"]["description"].startswith("Calculate")


@pytest.mark.django_db
def test_call_tool_prints_the_result(workspaces: Path) -> None:
    payload = result_of("calculator", '{"expression": "6 * 7"}')
    assert (payload["success"], payload["result"]) == (True, "42")
    assert list(payload) == ["success", "result", "execution_time"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "arguments"), [("calculator", '{"expression": "1/0"}'), ("calculator", "{"), ("calcul", "{}")]
)
def test_call_tool_exits_with_1_when_the_tool_fails(
    workspaces: Path, capsys: pytest.CaptureFixture[str], name: str, arguments: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("call_tool", name, arguments)
    assert ended.value.code == 1
    assert json.loads(capsys.readouterr().out)["success"] is False


@pytest.mark.django_db
def test_call_tool_uses_the_workspace_of_the_user(workspaces: Path) -> None:
    user = User.objects.create_user("grace")
    result_of("write_file", '{"path": "a.txt", "content": "hers"}', "--user", "grace")
    assert (workspaces / "users" / str(user.pk) / "a.txt").read_text() == "hers"


@pytest.mark.django_db
def test_call_tool_runs_as_the_first_superuser_or_without_a_user(workspaces: Path) -> None:
    result_of("write_file", '{"path": "a.txt", "content": "nobody\'s"}')
    assert (workspaces / "users" / "0" / "a.txt").read_text() == "nobody's"
    User.objects.create_user("grace")
    admin = User.objects.create_superuser("ada")
    result_of("write_file", '{"path": "a.txt", "content": "hers"}')
    assert (workspaces / "users" / str(admin.pk) / "a.txt").read_text() == "hers"


@pytest.mark.django_db
def test_call_tool_uses_the_workspace_of_a_project(workspaces: Path) -> None:
    result_of("write_file", '{"path": "a.txt", "content": "ours"}', "--project", PROJECT)
    assert (workspaces / "projects" / PROJECT / "a.txt").read_text() == "ours"
    payload = result_of("read_file", '{"path": "a.txt"}', "--project", PROJECT)
    assert payload["result"]["content"] == "ours"


@pytest.mark.django_db
def test_call_tool_refuses_unknown_users_and_invalid_project_ids(workspaces: Path) -> None:
    with pytest.raises(CommandError, match="There is no user 'nobody'"):
        result_of("calculator", "{}", "--user", "nobody")
    with pytest.raises(CommandError, match=r"'\.\./x' is not the id of a project"):
        result_of("calculator", "{}", "--project", "../x")


@pytest.mark.django_db
def test_call_tool_applies_the_size_and_time_limits_of_the_settings(workspaces: Path, settings: Any) -> None:
    settings.TOOL_RESULT_LIMIT = 1000
    payload = result_of("calculator", '{"expression": "10**2000"}')
    assert payload["truncated"] == "Showing the first 998 of 2001 characters."
