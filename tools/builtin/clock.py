import difflib
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from tools.registry import tool
from tools.types import ToolError


@tool(read_only=True, category="time")
def current_time(timezone: str = "UTC") -> dict[str, str]:
    """Return the current date, time and weekday in a time zone.

    Args:
        timezone: An IANA time zone such as "Europe/Berlin" or "America/New_York", or "UTC".
    """
    zone = _zone(timezone)
    now = datetime.now(zone)
    return {"time": now.isoformat(timespec="seconds"), "weekday": f"{now:%A}", "timezone": str(zone)}


def _zone(name: str) -> ZoneInfo:
    key = name.strip().replace(" ", "_").lower()
    zones = _zones_by_lowercase_name()
    if key in zones:
        return ZoneInfo(zones[key])
    cities = [zone for zone in zones if zone.rpartition("/")[2] == key]
    near = cities or difflib.get_close_matches(key[:64], zones, n=5, cutoff=0.5)
    names = ", ".join(zones[zone] for zone in near) or "Europe/Berlin, America/New_York, UTC"
    raise ToolError(f"There is no time zone {name[:64]!r}. Use the name of an IANA time zone, such as {names}.")


@cache
def _zones_by_lowercase_name() -> dict[str, str]:
    return {name.lower(): name for name in sorted(available_timezones())}
