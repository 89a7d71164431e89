"""A frame or a flood that is too large ends the connection with a code of its own; what is merely wrong does not."""

from __future__ import annotations

import json

import pytest
import websockets

from tests.modelserver import answer
from tests.protocol.talk import talk

pytestmark = pytest.mark.django_db(transaction=True)


def request_of(size: int, filler: str = " ") -> str:
    bare = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "models.list"})
    return bare + filler * ((size - len(bare)) // len(filler.encode()))


async def test_a_frame_of_one_megabyte_is_taken() -> None:
    async with talk(answer("")) as t:
        await t.ada.send_text(request_of(1_000_000))
        assert "result" in await t.ada.answer(1)


@pytest.mark.parametrize(
    "frame", [request_of(1_000_001), request_of(1_000_002, "é"), b"x" * 1_000_001], ids=["ascii", "utf-8", "binary"]
)
async def test_a_larger_frame_closes_the_connection(frame: str | bytes) -> None:
    async with talk(answer("")) as t:
        await t.ada.send_text(frame)
        assert await t.ada.closed() == 1009
        assert t.ada.frames == t.ada.notifications


async def test_a_flood_of_frames_closes_the_connection() -> None:
    async with talk(answer(""), LIMIT_FRAMES_PER_SECOND=5) as t:
        try:
            for _ in range(100):
                await t.ada.send("models.list")
        except websockets.ConnectionClosed:
            pass
        assert await t.ada.closed() == 4429
        answered = [frame for frame in t.ada.frames if "result" in frame]
        assert len(answered) < 50


async def test_a_flood_of_wrong_frames_closes_it_too() -> None:
    async with talk(answer(""), LIMIT_FRAMES_PER_SECOND=5) as t:
        try:
            for _ in range(100):
                await t.ada.send_text("no")
        except websockets.ConnectionClosed:
            pass
        assert await t.ada.closed() == 4429
