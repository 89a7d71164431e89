"""Lists the files of a project for display. Models choose the names, so a name may be hostile."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from tools.types import ToolError
from tools.workspace import MAX_FILE_BYTES, Workspace

BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They reorder the text around them: after U+202E, `gpj.exe` reads as `exe.jpg`."""


@dataclass(frozen=True, slots=True)
class DisplayFile:
    """`name` is for display. `path` identifies the file, None if it cannot be opened or encoded in a URL.

    `size` is in bytes, None if it is not a regular file.
    """

    name: str
    path: str | None
    size: int | None
    is_link: bool
    is_readable: bool


def list_files(workspace: Workspace) -> tuple[list[DisplayFile], bool]:
    """Returns the files, top folder first, and whether the list is complete."""
    listing = workspace.entries()
    files = [
        DisplayFile(
            name=_replace_invisible(entry.path),
            path=_addressable_path(workspace, entry.path),
            size=entry.size,
            is_link=entry.kind == "link",
            is_readable=entry.kind == "file" and (entry.size or 0) <= MAX_FILE_BYTES,
        )
        for entry in listing.entries
        if entry.kind != "folder"
    ]
    return files, listing.complete


def _replace_invisible(name: str) -> str:
    """Replaces characters that are invisible or reorder the others."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}"
        if character in BIDI_CONTROLS or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        else character
        for character in name
    )


def _addressable_path(workspace: Workspace, path: str) -> str | None:
    try:
        path.encode()
        workspace.resolve(path)
    except (ToolError, UnicodeEncodeError):
        return None
    return path
