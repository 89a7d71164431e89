from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tools.builtin.clock import current_time


@pytest.mark.parametrize(
    ("arguments", "zone"),
    [
        ({}, "UTC"),
        ({"timezone": "Europe/Berlin"}, "Europe/Berlin"),
        ({"timezone": " america/new york "}, "America/New_York"),
        ({"timezone": "utc"}, "UTC"),
    ],
)
async def test_the_time_is_returned_in_the_requested_zone(run_tool: Any, arguments: dict[str, str], zone: str) -> None:
    payload = (await run_tool(current_time, arguments))["result"]
    time = datetime.fromisoformat(payload["time"])
    assert abs(datetime.now(UTC) - time) < timedelta(seconds=10)
    assert time.utcoffset() == time.astimezone(ZoneInfo(zone)).utcoffset()
    assert payload["weekday"] == time.strftime("%A")
    assert payload["timezone"] == zone
    assert "." not in payload["time"]


@pytest.mark.parametrize(
    ("written", "suggested"),
    [
        ("Berlin", "such as Europe/Berlin."),
        ("new york", "such as America/New_York."),
        ("Europe/Berln", "Europe/Berlin"),
        ("../../etc/passwd", "such as "),
        ("", "such as "),
        ("x" * 100_000, "such as Europe/Berlin, America/New_York, UTC."),
    ],
)
async def test_an_unknown_zone_suggests_similar_names(run_tool: Any, written: str, suggested: str) -> None:
    error = (await run_tool(current_time, {"timezone": written}))["error"]
    assert suggested in error
    assert len(error) < 300
