"""The files of a project as a page shows them. Tools have written them, so a name may be anything."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from tools.types import ToolError
from tools.workspace import FILE_LIMIT, Workspace

BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""With them, `gpj.exe` reads as `exe.jpg`."""


@dataclass(frozen=True, slots=True)
class ShownFile:
    """`path` leads to the file, None where it cannot be opened or has a name that no address can carry."""

    name: str
    path: str | None
    size: int | None
    is_link: bool
    can_be_read: bool


def show_files(workspace: Workspace) -> tuple[list[ShownFile], bool]:
    """All files, what is nearest to the top first, and whether these are all."""
    listing = workspace.entries()
    files = [
        ShownFile(
            name=visible(entry.path),
            path=_usable(workspace, entry.path),
            size=entry.size,
            is_link=entry.kind == "link",
            can_be_read=entry.kind == "file" and (entry.size or 0) <= FILE_LIMIT,
        )
        for entry in listing.entries
        if entry.kind != "folder"
    ]
    return files, listing.complete


def visible(name: str) -> str:
    """The name, with a mark in the place of what cannot be seen or would change how the rest reads."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}"
        if character in BIDI_CONTROLS or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        else character
        for character in name
    )


def _usable(workspace: Workspace, path: str) -> str | None:
    try:
        path.encode()
        workspace.resolve(path)
    except (ToolError, UnicodeEncodeError):
        return None
    return path
