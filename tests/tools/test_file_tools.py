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
        told = (await batch(running, (name, arguments))).told[0]
        return told["result"] if told["success"] else told["error"]

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


async def test_a_long_file_is_read_in_pieces(run: Any) -> None:
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


async def test_beyond_the_end_there_is_nothing(run: Any) -> None:
    await run("write_file", path="a.txt", content="abc")
    assert (await run("read_file", path="a.txt", offset=3))["content"] == ""
    assert (
        await run("read_file", path="a.txt", offset=4) == "'a.txt' has only 3 characters; offset 4 is beyond its end."
    )


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a\0b"])
async def test_a_binary_file_says_that_it_is_one(run: Any, tool_context: ToolContext, content: bytes) -> None:
    tool_context.workspace.mkdir(parents=True)
    (tool_context.workspace / "image.png").write_bytes(content)
    told = await run("read_file", path="image.png")
    assert told == f"'image.png' is a binary file of {len(content)} bytes, not UTF-8 text."


async def test_what_leads_out_is_refused(run: Any, tool_context: ToolContext) -> None:
    tool_context.workspace.mkdir(parents=True)
    (tool_context.workspace / "link").symlink_to("/etc")
    for path in ("../a", "/etc/passwd", "link/passwd", "a\0"):
        for told in (
            await run("read_file", path=path),
            await run("list_files", path=path),
            await run("write_file", path=path, content="x"),
        ):
            assert isinstance(told, str)
            assert told.startswith(repr(path))


async def test_a_long_listing_says_that_there_is_more(run: Any, tool_context: ToolContext) -> None:
    tool_context.workspace.mkdir(parents=True)
    for number in range(1001):
        (tool_context.workspace / f"{number:04}").touch()
    listed = await run("list_files")
    assert len(listed["entries"]) == 1000
    assert listed["note"] == "Only the first 1000 entries are shown. List a folder further down."


async def test_a_file_is_written_again_only_if_something_was_written_since(executor: Any, batch: Any) -> None:
    old, new = [("write_file", {"path": "a.txt", "content": text}) for text in ("old", "new")]
    running = executor(*FILE_TOOLS)
    ran = await batch(running, old, old, new, old, ("read_file", {"path": "a.txt"}))
    assert ran.skipped == [False, True, False, False, False]
    assert ran.told[-1]["result"]["content"] == "old"
    assert (await batch(running, old)).skipped == [True]


async def test_writes_to_one_file_in_one_batch_end_with_the_last(executor: Any, batch: Any) -> None:
    ran = await batch(
        executor(*FILE_TOOLS),
        *[("write_file", {"path": "a.txt", "content": str(n)}) for n in range(5)],
        ("read_file", {"path": "a.txt"}),
    )
    assert ran.told[-1]["result"]["content"] == "4"
