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
async def test_it_tells_the_time_in_a_zone(tell: Any, arguments: dict[str, str], zone: str) -> None:
    told = (await tell(current_time, arguments))["result"]
    time = datetime.fromisoformat(told["time"])
    assert abs(datetime.now(UTC) - time) < timedelta(seconds=10)
    assert time.utcoffset() == time.astimezone(ZoneInfo(zone)).utcoffset()
    assert told["weekday"] == time.strftime("%A")
    assert told["timezone"] == zone
    assert "." not in told["time"]


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
async def test_an_unknown_zone_gets_near_names(tell: Any, written: str, suggested: str) -> None:
    error = (await tell(current_time, {"timezone": written}))["error"]
    assert suggested in error
    assert len(error) < 300
