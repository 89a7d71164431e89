"""A frame that is too large and a flood of frames close the connection, each with its own code."""

from __future__ import annotations

import json

import pytest
import websockets

from tests.modelserver import answer
from tests.protocol.talk import talk

pytestmark = pytest.mark.django_db(transaction=True)


def request_of(size: int, filler: str = " ") -> str:
    """Returns a request of at most this many bytes, padded with the filler."""
    request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "models.list"})
    return request + filler * ((size - len(request)) // len(filler.encode()))


async def test_a_frame_of_one_megabyte_is_accepted() -> None:
    async with talk(answer("")) as t:
        await t.ada.send_text(request_of(1_000_000))
        assert "result" in await t.ada.response(1)


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
        results = [frame for frame in t.ada.frames if "result" in frame]
        assert len(results) < 50


async def test_a_flood_of_malformed_frames_closes_the_connection() -> None:
    async with talk(answer(""), LIMIT_FRAMES_PER_SECOND=5) as t:
        try:
            for _ in range(100):
                await t.ada.send_text("no")
        except websockets.ConnectionClosed:
            pass
        assert await t.ada.closed() == 4429
