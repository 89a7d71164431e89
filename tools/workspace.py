"""The files of a project or conversation, and the jail that tools reach them through."""

from __future__ import annotations

import errno
import heapq
import os
import secrets
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal
from uuid import UUID

from tools.types import ToolError

FILE_LIMIT = 10_000_000
"""Bytes of a file that may be read or written."""
ENTRY_LIMIT = 1_000
"""Entries that one listing shows."""
PATH_LIMIT = 1_000
"""Characters of a path."""

EntryKind = Literal["file", "folder", "link", "other"]

_UNFINISHED = ".unfinished-"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

Parts = tuple[str, ...]


def workspace_path(
    root: Path, *, project_id: str | UUID | None, conversation_id: str | UUID | None, user_id: int
) -> Path:
    """The folder of the project's files; without a project the conversation's own; without either the person's.

    `root` is the folder that holds all workspaces; the result need not exist yet. Raises ValueError for an id of a
    project or conversation that is no UUID.
    """
    if project_id is not None:
        return root / "projects" / str(UUID(str(project_id)))
    if conversation_id is not None:
        return root / "conversations" / str(UUID(str(conversation_id)))
    return root / "users" / str(int(user_id))


@dataclass(frozen=True, slots=True)
class Entry:
    """`path` is relative to the workspace; `size` is in bytes, None for what is no file."""

    path: str
    kind: EntryKind
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """`complete` is False where there is more than is shown."""

    entries: tuple[Entry, ...]
    complete: bool


class Workspace:
    """Files under one folder, and nothing else, by paths relative to it.

    Every folder on the way is opened relative to the one before it and without following links, so that no `..`, no
    absolute path and no link leads out, also when somebody moves things about meanwhile. Only regular files are opened.
    Every refusal is a ToolError that names the relative path alone.
    """

    def __init__(self, root: Path, *, file_limit: int = FILE_LIMIT, entry_limit: int = ENTRY_LIMIT) -> None:
        self._root = root
        self._file_limit = file_limit
        self._entry_limit = entry_limit

    def resolve(self, path: str) -> Parts:
        """The path's parts, none of them special; () is the workspace itself."""
        if path.startswith("/"):
            raise ToolError(f"{_shown(path)} is absolute. Paths are relative to the workspace, as in 'notes/a.txt'.")
        if len(path) > PATH_LIMIT:
            raise ToolError(f"{_shown(path)} is too long: a path has at most {PATH_LIMIT} characters.")
        if any(ord(character) < 32 or ord(character) == 127 for character in path):
            raise ToolError(f"{_shown(path)} contains a control character.")
        parts = tuple(part for part in path.split("/") if part not in ("", "."))
        if ".." in parts:
            raise ToolError(f"{_shown(path)} contains '..'. Paths start at the workspace and lead downwards.")
        return parts

    def entries(self, path: str = ".") -> Listing:
        """What is in the folder and in all folders below it: what is nearest to it first, each folder's by name."""
        folders = deque([self.resolve(path)])
        if not folders[0] and not self._root.exists():
            return Listing((), complete=True)
        found: list[Entry] = []
        with _refusals(path):
            self._check_folder(folders[0])
        while folders and len(found) <= self._entry_limit:
            inner = folders.popleft()
            with suppress(OSError):  # gone meanwhile, or closed to the server
                entries = self._entries_in(inner)
                found += entries
                folders.extend((*inner, PurePosixPath(entry.path).name) for entry in entries if entry.kind == "folder")
        return Listing(tuple(found[: self._entry_limit]), complete=len(found) <= self._entry_limit)

    def read(self, path: str) -> bytes:
        """The whole file, which has at most `file_limit` bytes."""
        parts = self.resolve(path)
        if not parts:
            raise ToolError(f"{_shown(path)} is a folder.")
        with _refusals(path), self._folder(parts[:-1]) as folder:
            _expect_file(_status(parts[-1], folder), path)
            with open(os.open(parts[-1], _FILE, dir_fd=folder), "rb") as file:
                _expect_file(os.fstat(file.fileno()), path)
                content = file.read(self._file_limit + 1)
        self._check_size(path, len(content))
        return content

    def write(self, path: str, content: bytes) -> bool:
        """Put the content where the file was, or make it and the folders on the way; returns whether it is new.

        A reader sees the old content or the new, never a part; once this returns, it is on disk.
        """
        parts = self.resolve(path)
        if not parts:
            raise ToolError(f"{_shown(path)} is a folder.")
        self._check_size(path, len(content))
        with _refusals(path), self._folder(parts[:-1], create=True) as folder:
            try:
                status = _status(parts[-1], folder)
            except FileNotFoundError:
                _replace(parts[-1], content, None, folder)
                return True
            _expect_file(status, path)
            _replace(parts[-1], content, stat.S_IMODE(status.st_mode), folder)
            return False

    def delete(self, path: str) -> None:
        """A file, or a link, which is not followed."""
        parts = self.resolve(path)
        if not parts:
            raise ToolError(f"{_shown(path)} is a folder.")
        with _refusals(path), self._folder(parts[:-1]) as folder:
            os.unlink(parts[-1], dir_fd=folder)
            os.fsync(folder)

    def _check_folder(self, parts: Parts) -> None:
        with self._folder(parts):
            pass

    def _entries_in(self, parts: Parts) -> list[Entry]:
        with self._folder(parts) as folder, os.scandir(folder) as inside:
            shown = (entry for entry in inside if not entry.name.startswith(_UNFINISHED))
            first = heapq.nsmallest(self._entry_limit + 1, shown, key=lambda entry: entry.name)
            return [_entry("/".join((*parts, entry.name)), entry) for entry in first]

    def _check_size(self, path: str, size: int) -> None:
        if size > self._file_limit:
            raise ToolError(f"{_shown(path)} is too large: a file may have at most {self._file_limit:,} bytes.")

    @contextmanager
    def _folder(self, parts: Parts, *, create: bool = False) -> Iterator[int]:
        """A descriptor of the folder. Raises OSError."""
        if create:
            self._root.mkdir(parents=True, exist_ok=True)
        folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in parts:
                inner = _open_folder(part, folder, create=create)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)


def _open_folder(name: str, parent: int, *, create: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=parent)
    except FileNotFoundError:
        if not create:
            raise
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=parent)
        os.fsync(parent)
    return os.open(name, _FOLDER, dir_fd=parent)


def _replace(name: str, content: bytes, mode: int | None, folder: int) -> None:
    unfinished = _UNFINISHED + secrets.token_hex(8)
    try:
        with open(os.open(unfinished, _NEW, 0o644, dir_fd=folder), "wb") as file:
            file.write(content)
            file.flush()
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.rename(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(unfinished, dir_fd=folder)
        raise
    os.fsync(folder)


def _status(name: str, folder: int) -> os.stat_result:
    return os.stat(name, dir_fd=folder, follow_symlinks=False)


def _kind(mode: int) -> EntryKind:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "other"


def _entry(path: str, found: os.DirEntry[str]) -> Entry:
    status = found.stat(follow_symlinks=False)
    kind = _kind(status.st_mode)
    return Entry(path, kind, status.st_size if kind == "file" else None)


def _expect_file(status: os.stat_result, path: str) -> None:
    kind = _kind(status.st_mode)
    if kind != "file":
        what = {"folder": "a folder", "link": "a link, and links are not followed"}.get(kind, "not a regular file")
        raise ToolError(f"{_shown(path)} is {what}.")


def _shown(path: str) -> str:
    return repr(path if len(path) <= 200 else path[:200] + "…")


_REFUSALS = {
    errno.ENOENT: "does not exist",
    errno.ENOTDIR: "leads through something that is no folder (links are not followed)",
    errno.ELOOP: "leads through a link, and links are not followed",
    errno.ENAMETOOLONG: "has a part that is too long for a file name",
    errno.EACCES: "may not be opened",
    errno.EPERM: "may not be opened",
    errno.EISDIR: "is a folder",
    errno.ENOSPC: "cannot be written: the disk is full",
    errno.EDQUOT: "cannot be written: the disk quota is used up",
}


@contextmanager
def _refusals(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = _REFUSALS.get(error.errno or 0) or f"cannot be used: {error.strerror or 'the system refused'}"
        raise ToolError(f"{_shown(path)} {reason}.") from error
