from __future__ import annotations

from typing import Any

import pytest

from tools.builtin.files import MAX_READ_CHARACTERS, list_files, read_file, write_file
from tools.types import ToolContext

FILE_TOOLS = (list_files, read_file, write_file)


@pytest.fixture
def run(executor: Any, batch: Any) -> Any:
    running = executor(*FILE_TOOLS)

    async def one(name: str, **arguments: object) -> Any:
        payload = (await batch(running, (name, arguments))).payloads[0]
        return payload["result"] if payload["success"] else payload["error"]

    return one


async def test_a_file_is_written_listed_and_read(run: Any) -> None:
    assert await run("list_files") == {"path": ".", "entries": []}
    assert await run("write_file", path="notes/a.txt", content="größer\n") == {
        "path": "notes/a.txt",
        "bytes": 9,
        "created": True,
    }
    assert await run("list_files") == {
        "path": ".",
        "entries": [{"path": "notes", "type": "folder"}, {"path": "notes/a.txt", "type": "file", "bytes": 9}],
    }
    assert await run("read_file", path="notes/a.txt") == {
        "path": "notes/a.txt",
        "content": "größer\n",
        "characters": 7,
        "next_offset": None,
    }
    assert (await run("write_file", path="notes/a.txt", content=""))["created"] is False


async def test_a_long_file_is_read_in_parts(run: Any) -> None:
    text = "".join(f"line {n}\n" for n in range(6000))
    await run("write_file", path="long.txt", content=text)
    pieces: list[str] = []
    offset: int | None = 0
    while offset is not None:
        piece = await run("read_file", path="long.txt", offset=offset, limit=10**9)
        assert len(piece["content"]) <= MAX_READ_CHARACTERS
        pieces.append(piece["content"])
        offset = piece["next_offset"]
    assert "".join(pieces) == text
    assert len(pieces) == 3
    middle = await run("read_file", path="long.txt", offset=5, limit=3)
    assert (middle["content"], middle["next_offset"]) == ("0\nl", 8)


async def test_reading_past_the_end_returns_nothing(run: Any) -> None:
    await run("write_file", path="a.txt", content="abc")
    assert (await run("read_file", path="a.txt", offset=3))["content"] == ""
    assert (
        await run("read_file", path="a.txt", offset=4) == "'a.txt' has only 3 characters; offset 4 is beyond its end."
    )


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a\0b"])
async def test_a_binary_file_is_reported_as_binary(run: Any, tool_context: ToolContext, content: bytes) -> None:
    tool_context.workspace.mkdir(parents=True)
    (tool_context.workspace / "image.png").write_bytes(content)
    payload = await run("read_file", path="image.png")
    assert payload == f"'image.png' is a binary file of {len(content)} bytes, not UTF-8 text."


async def test_paths_outside_the_workspace_are_refused(run: Any, tool_context: ToolContext) -> None:
    tool_context.workspace.mkdir(parents=True)
    (tool_context.workspace / "link").symlink_to("/etc")
    for path in ("../a", "/etc/passwd", "link/passwd", "a\0"):
        for payload in (
            await run("read_file", path=path),
            await run("list_files", path=path),
            await run("write_file", path=path, content="x"),
        ):
            assert isinstance(payload, str)
            assert payload.startswith(repr(path))


async def test_a_truncated_listing_says_that_there_is_more(run: Any, tool_context: ToolContext) -> None:
    tool_context.workspace.mkdir(parents=True)
    for number in range(1001):
        (tool_context.workspace / f"{number:04}").touch()
    listed = await run("list_files")
    assert len(listed["entries"]) == 1000
    assert listed["note"] == "Only the first 1000 entries are shown. List a folder further down."


async def test_an_identical_write_is_repeated_only_after_another_write(executor: Any, batch: Any) -> None:
    old, new = [("write_file", {"path": "a.txt", "content": text}) for text in ("old", "new")]
    running = executor(*FILE_TOOLS)
    ran = await batch(running, old, old, new, old, ("read_file", {"path": "a.txt"}))
    assert ran.skipped == [False, True, False, False, False]
    assert ran.payloads[-1]["result"]["content"] == "old"
    assert (await batch(running, old)).skipped == [True]


async def test_the_last_of_several_writes_to_one_file_wins(executor: Any, batch: Any) -> None:
    ran = await batch(
        executor(*FILE_TOOLS),
        *[("write_file", {"path": "a.txt", "content": str(n)}) for n in range(5)],
        ("read_file", {"path": "a.txt"}),
    )
    assert ran.payloads[-1]["result"]["content"] == "4"
