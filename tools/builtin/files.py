from typing import Annotated, Any

from pydantic import Field

from tools.registry import tool
from tools.types import ToolContext, ToolError
from tools.workspace import Entry, Workspace

MAX_READ_CHARACTERS = 20_000
"""Characters that one call returns. Escaped as JSON they stay below the default limit of a result."""


@tool(read_only=True, category="files")
def list_files(context: ToolContext, path: str = ".") -> dict[str, Any]:
    """List the files of the workspace, or of one of its folders, including all folders below it.

    Args:
        path: A folder, relative to the workspace. "." is the workspace itself.
    """
    listing = Workspace(context.workspace).entries(path)
    result: dict[str, Any] = {"path": path, "entries": [_encode_entry(entry) for entry in listing.entries]}
    if not listing.complete:
        result["note"] = f"Only the first {len(listing.entries)} entries are shown. List a folder further down."
    return result


@tool(read_only=True, category="files")
def read_file(
    context: ToolContext,
    path: str,
    offset: Annotated[int, Field(ge=0)] = 0,
    limit: Annotated[int, Field(ge=1)] = MAX_READ_CHARACTERS,
) -> dict[str, Any]:
    """Read a text file of the workspace. Read a long file in pieces, from `next_offset` on, until that is null.

    Args:
        path: The file, relative to the workspace.
        offset: How many characters to skip at the start.
        limit: How many characters to read, at most 20,000.
    """
    content = Workspace(context.workspace).read(path)
    text = _decode_text(path, content)
    if offset > len(text):
        raise ToolError(f"{path!r} has only {len(text)} characters; offset {offset} is beyond its end.")
    end = min(offset + min(limit, MAX_READ_CHARACTERS), len(text))
    return {
        "path": path,
        "content": text[offset:end],
        "characters": len(text),
        "next_offset": end if end < len(text) else None,
    }


@tool(idempotent=True, category="files")
def write_file(context: ToolContext, path: str, content: str) -> dict[str, Any]:
    """Write a text file of the workspace. Creates the file and its folders, or replaces the file.

    Args:
        path: The file, relative to the workspace.
        content: The whole text of the file.
    """
    encoded = content.encode()
    created = Workspace(context.workspace).write(path, encoded)
    return {"path": path, "bytes": len(encoded), "created": created}


def _encode_entry(entry: Entry) -> dict[str, Any]:
    size = {} if entry.size is None else {"bytes": entry.size}
    return {"path": entry.path, "type": entry.kind, **size}


def _decode_text(path: str, content: bytes) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ToolError(f"{path!r} is a binary file of {len(content):,} bytes, not UTF-8 text.")
    return text
