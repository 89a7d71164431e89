from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from tools.types import ToolError
from tools.workspace import Workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "workspace"


def paths(workspace: Workspace, path: str = ".") -> list[str]:
    return [entry.path for entry in workspace.entries(path).entries]


def test_a_written_file_can_be_read(root: Path) -> None:
    workspace = Workspace(root)
    assert workspace.write("a/b/c.txt", "größer".encode()) is True
    assert workspace.read("./a//b/c.txt") == "größer".encode()
    assert workspace.write("a/b/c.txt", b"") is False
    assert workspace.read("a/b/c.txt") == b""


def test_a_workspace_that_does_not_exist_yet_is_empty(root: Path) -> None:
    assert Workspace(root).entries().entries == ()
    assert not root.exists()
    with pytest.raises(ToolError, match=r"'a.txt' does not exist"):
        Workspace(root).read("a.txt")
    with pytest.raises(ToolError, match="'a' does not exist"):
        Workspace(root).entries("a")


def test_a_listing_is_recursive_with_the_shallowest_entries_first(root: Path) -> None:
    workspace = Workspace(root)
    for path in ("z.txt", "b/x/1.txt", "b/2.txt", "a/3.txt"):
        workspace.write(path, b"123")
    assert paths(workspace) == ["a", "b", "z.txt", "a/3.txt", "b/2.txt", "b/x", "b/x/1.txt"]
    assert paths(workspace, "b") == ["b/2.txt", "b/x", "b/x/1.txt"]
    assert {entry.path: entry.size for entry in workspace.entries("b").entries} == {
        "b/2.txt": 3,
        "b/x": None,
        "b/x/1.txt": 3,
    }


def test_a_file_cannot_be_listed(root: Path) -> None:
    Workspace(root).write("a.txt", b"")
    with pytest.raises(ToolError, match=r"'a.txt' leads through something that is not a folder"):
        Workspace(root).entries("a.txt")


def test_a_listing_is_limited_in_size(root: Path) -> None:
    workspace = Workspace(root, max_entries=5)
    for number in range(4):
        workspace.write(f"a/{number}", b"")
    listing = workspace.entries()
    assert [entry.path for entry in listing.entries] == ["a", "a/0", "a/1", "a/2", "a/3"]
    assert listing.complete
    workspace.write("a/4", b"")
    assert [entry.path for entry in workspace.entries().entries] == ["a", "a/0", "a/1", "a/2", "a/3"]
    assert not workspace.entries().complete


def test_an_unreadable_folder_is_listed_without_its_content(root: Path) -> None:
    workspace = Workspace(root)
    workspace.write("a/1", b"")
    (root / "b").mkdir()
    os.chmod(root / "b", 0)
    try:
        assert paths(workspace) == ["a", "b", "a/1"]
    finally:
        os.chmod(root / "b", 0o700)


def test_file_size_is_limited_for_reading_and_writing(root: Path) -> None:
    workspace = Workspace(root, max_file_bytes=10)
    workspace.write("a", b"x" * 10)
    assert len(workspace.read("a")) == 10
    with pytest.raises(ToolError, match="'a' is too large: a file may have at most 10 bytes"):
        workspace.write("a", b"x" * 11)
    Workspace(root).write("a", b"x" * 11)
    with pytest.raises(ToolError, match="'a' is too large"):
        workspace.read("a")


def test_a_folder_cannot_be_read_or_overwritten_as_a_file(root: Path) -> None:
    workspace = Workspace(root)
    workspace.write("a/b", b"")
    with pytest.raises(ToolError, match="'a' is a folder"):
        workspace.read("a")
    with pytest.raises(ToolError, match="'a' is a folder"):
        workspace.write("a", b"")


def test_a_concurrent_reader_sees_the_old_or_the_new_content(root: Path) -> None:
    workspace = Workspace(root)
    versions = [letter * 200_000 for letter in (b"a", b"b")]
    workspace.write("file", versions[0])
    ended = threading.Event()

    def rewrite() -> None:
        for number in range(40):
            workspace.write("file", versions[number % 2])
        ended.set()

    writer = threading.Thread(target=rewrite)
    writer.start()
    while not ended.is_set():
        assert workspace.read("file") in versions
    writer.join()
    assert os.listdir(root) == ["file"]


def test_a_failed_write_leaves_only_the_old_content(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(root)
    workspace.write("file", b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device", str(root))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ToolError) as refused:
        workspace.write("file", b"new")
    assert str(refused.value) == "'file' cannot be written: the disk is full."
    assert os.listdir(root) == ["file"]
    assert workspace.read("file") == b"old"


def test_a_file_keeps_its_permissions(root: Path) -> None:
    workspace = Workspace(root)
    workspace.write("run.sh", b"one")
    os.chmod(root / "run.sh", 0o750)
    workspace.write("run.sh", b"two")
    assert stat.S_IMODE((root / "run.sh").stat().st_mode) == 0o750


def test_temporary_files_left_by_a_crash_are_not_listed(root: Path) -> None:
    workspace = Workspace(root)
    workspace.write("a", b"")
    (root / ".unfinished-0123456789abcdef").write_bytes(b"half")
    assert paths(workspace) == ["a"]


def test_a_hard_link_to_an_outside_file_is_replaced_not_written_through(root: Path, tmp_path: Path) -> None:
    workspace = Workspace(root)
    workspace.write("a", b"")
    (tmp_path / "elsewhere").write_text("kept")
    os.link(tmp_path / "elsewhere", root / "linked")
    workspace.write("linked", b"new")
    assert (tmp_path / "elsewhere").read_text() == "kept"


def test_no_file_descriptor_stays_open(root: Path) -> None:
    workspace = Workspace(root)
    workspace.write("a/b/c.txt", b"")
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    before = len(os.listdir(folder))
    for path in ("a/b/c.txt", "a/b", "a/missing/c.txt", "a/b/c.txt/d"):
        for act in (workspace.read, workspace.entries):
            try:
                act(path)
            except ToolError:
                continue
    workspace.write("a/b/c.txt", b"")
    assert len(os.listdir(folder)) == before
