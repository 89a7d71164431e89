"""Gives tools access to the files of a project or conversation, and to no others."""

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

MAX_FILE_BYTES = 10_000_000
MAX_ENTRIES = 1_000
"""Entries of one listing."""
MAX_PATH_LENGTH = 1_000

EntryKind = Literal["file", "folder", "link", "other"]

_TEMPORARY_PREFIX = ".unfinished-"
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

Parts = tuple[str, ...]


def workspace_path(
    root: Path, *, project_id: str | UUID | None, conversation_id: str | UUID | None, user_id: int
) -> Path:
    """Returns the folder of the project, or without one that of the conversation, or without either that of the user.

    `root` is the folder of all workspaces. The returned folder may not exist yet. Raises ValueError if the id of the
    project or conversation is not a UUID.
    """
    if project_id is not None:
        return root / "projects" / str(UUID(str(project_id)))
    if conversation_id is not None:
        return root / "conversations" / str(UUID(str(conversation_id)))
    return root / "users" / str(int(user_id))


@dataclass(frozen=True, slots=True)
class Entry:
    """`path` is relative to the workspace; `size` is in bytes, and None unless the entry is a file."""

    path: str
    kind: EntryKind
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """`complete` is False if the folder has more entries."""

    entries: tuple[Entry, ...]
    complete: bool


class Workspace:
    """Reads and writes files inside one folder, by paths relative to it.

    Every folder of a path is opened relative to its parent and without following links, so no `..`, absolute path or
    link leads out of the root, even if files are moved at the same time. Only regular files are opened.
    Every method raises ToolError for a path or file that cannot be used. The error contains only the relative path.
    """

    def __init__(self, root: Path, *, max_file_bytes: int = MAX_FILE_BYTES, max_entries: int = MAX_ENTRIES) -> None:
        self._root = root
        self._max_file_bytes = max_file_bytes
        self._max_entries = max_entries

    def resolve(self, path: str) -> Parts:
        """Returns the names of the path, without "." and empty names; () for the workspace itself."""
        if path.startswith("/"):
            raise ToolError(f"{_quote(path)} is absolute. Paths are relative to the workspace, as in 'notes/a.txt'.")
        if len(path) > MAX_PATH_LENGTH:
            raise ToolError(f"{_quote(path)} is too long: a path has at most {MAX_PATH_LENGTH} characters.")
        if any(ord(character) < 32 or ord(character) == 127 for character in path):
            raise ToolError(f"{_quote(path)} contains a control character.")
        parts = tuple(part for part in path.split("/") if part not in ("", "."))
        if ".." in parts:
            raise ToolError(f"{_quote(path)} contains '..'. Paths start at the workspace and lead downwards.")
        return parts

    def entries(self, path: str = ".") -> Listing:
        """Lists the folder and all folders below it, breadth first and sorted by name within each folder."""
        folders = deque([self.resolve(path)])
        if not folders[0] and not self._root.exists():
            return Listing((), complete=True)
        found: list[Entry] = []
        with _os_errors_as_tool_errors(path), self._open_folder(folders[0]):
            pass  # Unlike this folder, those below it need not be readable.
        while folders and len(found) <= self._max_entries:
            folder = folders.popleft()
            with suppress(OSError):  # It was deleted, or is not readable.
                entries = self._entries_of(folder)
                found += entries
                folders.extend((*folder, PurePosixPath(entry.path).name) for entry in entries if entry.kind == "folder")
        return Listing(tuple(found[: self._max_entries]), complete=len(found) <= self._max_entries)

    def read(self, path: str) -> bytes:
        """Returns the content of the file."""
        parts = self.resolve(path)
        if not parts:
            raise ToolError(f"{_quote(path)} is a folder.")
        with _os_errors_as_tool_errors(path), self._open_folder(parts[:-1]) as folder:
            _require_regular_file(_stat(parts[-1], folder), path)
            with open(os.open(parts[-1], _FILE_FLAGS, dir_fd=folder), "rb") as file:
                _require_regular_file(os.fstat(file.fileno()), path)
                content = file.read(self._max_file_bytes + 1)
        self._check_size(path, len(content))
        return content

    def write(self, path: str, content: bytes) -> bool:
        """Replaces the content of the file, or creates it with its folders. Returns whether it was created.

        Atomic: a reader sees either the old content or the new. When this returns, the content is on disk.
        """
        parts = self.resolve(path)
        if not parts:
            raise ToolError(f"{_quote(path)} is a folder.")
        self._check_size(path, len(content))
        with _os_errors_as_tool_errors(path), self._open_folder(parts[:-1], create=True) as folder:
            try:
                status = _stat(parts[-1], folder)
            except FileNotFoundError:
                _write_atomically(parts[-1], content, None, folder)
                return True
            _require_regular_file(status, path)
            _write_atomically(parts[-1], content, stat.S_IMODE(status.st_mode), folder)
            return False

    def delete(self, path: str) -> None:
        """Deletes a file, or a link, which is not followed."""
        parts = self.resolve(path)
        if not parts:
            raise ToolError(f"{_quote(path)} is a folder.")
        with _os_errors_as_tool_errors(path), self._open_folder(parts[:-1]) as folder:
            os.unlink(parts[-1], dir_fd=folder)
            os.fsync(folder)

    def _entries_of(self, parts: Parts) -> list[Entry]:
        with self._open_folder(parts) as folder, os.scandir(folder) as scanned:
            listed = (entry for entry in scanned if not entry.name.startswith(_TEMPORARY_PREFIX))
            first = heapq.nsmallest(self._max_entries + 1, listed, key=lambda entry: entry.name)
            return [_entry("/".join((*parts, entry.name)), entry) for entry in first]

    def _check_size(self, path: str, size: int) -> None:
        if size > self._max_file_bytes:
            raise ToolError(f"{_quote(path)} is too large: a file may have at most {self._max_file_bytes:,} bytes.")

    @contextmanager
    def _open_folder(self, parts: Parts, *, create: bool = False) -> Iterator[int]:
        """Yields a file descriptor of the folder. Raises OSError."""
        if create:
            self._root.mkdir(parents=True, exist_ok=True)
        folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in parts:
                child = _open_child_folder(part, folder, create=create)
                os.close(folder)
                folder = child
            yield folder
        finally:
            os.close(folder)


def _open_child_folder(name: str, parent: int, *, create: bool) -> int:
    try:
        return os.open(name, _FOLDER_FLAGS, dir_fd=parent)
    except FileNotFoundError:
        if not create:
            raise
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=parent)
        os.fsync(parent)
    return os.open(name, _FOLDER_FLAGS, dir_fd=parent)


def _write_atomically(name: str, content: bytes, mode: int | None, folder: int) -> None:
    temporary = _TEMPORARY_PREFIX + secrets.token_hex(8)
    try:
        with open(os.open(temporary, _NEW_FILE_FLAGS, 0o644, dir_fd=folder), "wb") as file:
            file.write(content)
            file.flush()
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise
    os.fsync(folder)


def _stat(name: str, folder: int) -> os.stat_result:
    return os.stat(name, dir_fd=folder, follow_symlinks=False)


def _kind(mode: int) -> EntryKind:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "other"


def _entry(path: str, dir_entry: os.DirEntry[str]) -> Entry:
    status = dir_entry.stat(follow_symlinks=False)
    kind = _kind(status.st_mode)
    return Entry(path, kind, status.st_size if kind == "file" else None)


def _require_regular_file(status: os.stat_result, path: str) -> None:
    kind = _kind(status.st_mode)
    if kind != "file":
        reason = {"folder": "a folder", "link": "a link, and links are not followed"}.get(kind, "not a regular file")
        raise ToolError(f"{_quote(path)} is {reason}.")


def _quote(path: str) -> str:
    return repr(path if len(path) <= 200 else path[:200] + "…")


_OS_ERROR_REASONS = {
    errno.ENOENT: "does not exist",
    errno.ENOTDIR: "leads through something that is not a folder (links are not followed)",
    errno.ELOOP: "leads through a link, and links are not followed",
    errno.ENAMETOOLONG: "has a part that is too long for a file name",
    errno.EACCES: "may not be opened",
    errno.EPERM: "may not be opened",
    errno.EISDIR: "is a folder",
    errno.ENOSPC: "cannot be written: the disk is full",
    errno.EDQUOT: "cannot be written: the disk quota is used up",
}


@contextmanager
def _os_errors_as_tool_errors(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = _OS_ERROR_REASONS.get(error.errno or 0) or f"cannot be used: {error.strerror or 'the system refused'}"
        raise ToolError(f"{_quote(path)} {reason}.") from error
