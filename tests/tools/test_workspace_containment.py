from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tools.types import ToolError
from tools.workspace import Workspace, workspace_path

PROJECT = "0f8fad5b-d9cb-469f-a165-70867728950e"
CONVERSATION = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.txt").write_text("secret")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    (folder / "notes").mkdir(parents=True)
    (folder / "notes" / "a.txt").write_text("inside")
    return folder


ACTIONS: list[Callable[[Workspace, str], object]] = [
    lambda jail, path: jail.read(path),
    lambda jail, path: jail.write(path, b"overwritten"),
    lambda jail, path: jail.entries(path),
]


@pytest.mark.parametrize("act", ACTIONS, ids=["read", "write", "list"])
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("..", "contains '..'"),
        ("../outside/secret.txt", "contains '..'"),
        ("notes/../../outside/secret.txt", "contains '..'"),
        ("notes/..", "contains '..'"),
        ("/etc/passwd", "is absolute"),
        ("//etc/passwd", "is absolute"),
        ("a\0b", "contains a control character"),
        ("a\nb", "contains a control character"),
        ("x/" * 600, "is too long"),
        ("x" * 300, "too long for a file name|does not exist"),
        ("link", "link"),
        ("link/secret.txt", "link"),
        ("filelink", "link"),
        ("dangling", "link"),
        ("notes/a.txt/b", "leads through something that is not a folder"),
    ],
)
def test_no_path_escapes_the_workspace(
    root: Path, outside: Path, act: Callable[[Workspace, str], object], path: str, reason: str
) -> None:
    (root / "link").symlink_to(outside)
    (root / "filelink").symlink_to(outside / "secret.txt")
    (root / "dangling").symlink_to(outside / "new.txt")
    with pytest.raises(ToolError, match=reason) as refused:
        act(Workspace(root), path)
    assert str(root) not in str(refused.value)
    assert str(outside) not in str(refused.value)
    assert (outside / "secret.txt").read_text() == "secret"
    assert os.listdir(outside) == ["secret.txt"]


def test_links_within_the_workspace_are_not_followed(root: Path) -> None:
    (root / "alias").symlink_to("notes")
    (root / "alias.txt").symlink_to("notes/a.txt")
    for path in ("alias/a.txt", "alias.txt"):
        with pytest.raises(ToolError, match="link"):
            Workspace(root).read(path)


def test_a_listing_shows_links_without_following_them(root: Path, outside: Path) -> None:
    (root / "link").symlink_to(outside)
    listed = {entry.path: entry.kind for entry in Workspace(root).entries().entries}
    assert listed == {"link": "link", "notes": "folder", "notes/a.txt": "file"}


@pytest.fixture
def special_files(root: Path) -> Iterator[None]:
    os.mkfifo(root / "pipe")
    listener = socket.socket(socket.AF_UNIX)
    before = os.getcwd()
    os.chdir(root)  # the path of a socket has to be short
    try:
        listener.bind("socket")
        yield
    finally:
        os.chdir(before)
        listener.close()


@pytest.mark.usefixtures("special_files")
@pytest.mark.parametrize("path", ["pipe", "socket"])
def test_pipes_and_sockets_are_not_opened(root: Path, path: str) -> None:
    with pytest.raises(ToolError, match="not a regular file"):
        Workspace(root).read(path)
    with pytest.raises(ToolError, match="not a regular file"):
        Workspace(root).write(path, b"")
    assert {entry.path: entry.kind for entry in Workspace(root).entries().entries}[path] == "other"


def test_devices_are_not_opened() -> None:
    with pytest.raises(ToolError, match="'null' is not a regular file"):
        Workspace(Path("/dev")).read("null")


def test_the_workspace_itself_is_not_a_file(root: Path) -> None:
    for path in ("", ".", "./"):
        with pytest.raises(ToolError, match="is a folder"):
            Workspace(root).read(path)
        with pytest.raises(ToolError, match="is a folder"):
            Workspace(root).write(path, b"")


def test_swapping_a_folder_for_a_link_during_access_does_not_escape(root: Path, outside: Path) -> None:
    (outside / "a.txt").write_text("secret")
    ended = threading.Event()

    def swap() -> None:
        while not ended.is_set():
            os.rename(root / "notes", root / "kept")
            with suppress(FileExistsError):  # a write recreated the folder
                os.symlink(outside, root / "notes")
                os.unlink(root / "notes")
            while (root / "kept").exists():
                shutil.rmtree(root / "notes", ignore_errors=True)
                with suppress(OSError):
                    os.rename(root / "kept", root / "notes")

    swapping = threading.Thread(target=swap)
    swapping.start()
    jail = Workspace(root)
    try:
        for _ in range(300):
            with suppress(ToolError):
                assert jail.read("notes/a.txt") in (b"inside", b"written")
            with suppress(ToolError):
                jail.write("notes/a.txt", b"written")
    finally:
        ended.set()
        swapping.join()
    assert (outside / "a.txt").read_text() == "secret"
    assert sorted(os.listdir(outside)) == ["a.txt", "secret.txt"]


PARTS = st.sampled_from(
    ["..", ".", "", "notes", "a.txt", "link", "filelink", "/", "~", "\0", "é", "secret.txt", "outside"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PARTS, max_size=6).map("/".join) | st.text(max_size=20))
def test_no_generated_path_reads_or_changes_anything_outside(root: Path, outside: Path, path: str) -> None:
    for name, target in (("link", outside), ("filelink", outside / "secret.txt")):
        if not (root / name).is_symlink():
            (root / name).symlink_to(target)
    before = sorted(os.listdir(root.parent))
    for act in ACTIONS:
        try:
            seen = act(Workspace(root), path)
        except ToolError:
            continue
        assert seen != b"secret"
    assert sorted(os.listdir(root.parent)) == before
    assert (outside / "secret.txt").read_text() == "secret"
    assert os.listdir(outside) == ["secret.txt"]


def test_a_workspace_belongs_to_the_project_or_the_conversation_or_the_user(tmp_path: Path) -> None:
    def at(project_id: str | UUID | None, conversation_id: str | None) -> str:
        path = workspace_path(tmp_path, project_id=project_id, conversation_id=conversation_id, user_id=7)
        return str(path.relative_to(tmp_path))

    assert at(PROJECT, CONVERSATION) == f"projects/{PROJECT}"
    assert at(UUID(PROJECT), None) == f"projects/{PROJECT}"
    assert at(PROJECT.upper().replace("-", ""), None) == f"projects/{PROJECT}"
    assert at(None, CONVERSATION) == f"conversations/{CONVERSATION}"
    assert at(None, None) == "users/7"


@pytest.mark.parametrize("bad", ["", "..", "../../etc", "1", PROJECT + "/.."])
def test_an_invalid_id_is_refused(tmp_path: Path, bad: str) -> None:
    with pytest.raises(ValueError, match="UUID"):
        workspace_path(tmp_path, project_id=bad, conversation_id=None, user_id=1)
    with pytest.raises(ValueError, match="UUID"):
        workspace_path(tmp_path, project_id=None, conversation_id=bad, user_id=1)
