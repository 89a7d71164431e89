"""Cities and countries as people name them, and the time zones that they keep."""

from __future__ import annotations

import re
from collections.abc import Iterator
from zoneinfo import available_timezones

_AREAS = ("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
_WORDS_BEFORE_NAMES = {"north", "south", "west", "center", "easter", "male", "nome", "midway"}
"""Last parts of zone names that are words of a sentence more often than places."""

_OTHER_NAMES = {
    "Africa/Cairo": ("egypt", "开罗"),
    "Africa/Johannesburg": ("cape town", "south africa"),
    "Africa/Lagos": ("nigeria",),
    "Africa/Nairobi": ("kenya",),
    "America/Argentina/Buenos_Aires": ("argentina",),
    "America/Chicago": ("dallas", "houston", "austin", "芝加哥"),
    "America/Los_Angeles": (
        "san francisco",
        "seattle",
        "las vegas",
        "california",
        "silicon valley",
        "洛杉矶",
        "旧金山",
    ),
    "America/Mexico_City": ("mexico",),
    "America/New_York": ("nyc", "boston", "washington", "miami", "philadelphia", "atlanta", "纽约", "华盛顿"),
    "America/Sao_Paulo": ("rio de janeiro", "rio", "são paulo", "brazil", "brasilia"),
    "America/Toronto": ("montreal", "ottawa", "多伦多"),
    "Asia/Dubai": ("abu dhabi", "迪拜"),
    "Asia/Hong_Kong": ("香港",),
    "Asia/Jerusalem": ("tel aviv", "israel"),
    "Asia/Kolkata": ("mumbai", "delhi", "new delhi", "bangalore", "bengaluru", "chennai", "india", "印度"),
    "Asia/Seoul": ("busan", "korea", "south korea", "首尔"),
    "Asia/Shanghai": (
        "beijing",
        "shenzhen",
        "guangzhou",
        "hangzhou",
        "chengdu",
        "china",
        "北京",
        "上海",
        "深圳",
        "中国",
    ),
    "Asia/Singapore": ("新加坡",),
    "Asia/Taipei": ("taiwan", "台北"),
    "Asia/Tokyo": ("osaka", "kyoto", "japan", "东京", "大阪", "日本"),
    "Australia/Sydney": ("canberra", "悉尼"),
    "Europe/Berlin": ("munich", "frankfurt", "hamburg", "cologne", "germany", "柏林", "德国"),
    "Europe/Kyiv": ("ukraine",),
    "Europe/London": (
        "england",
        "uk",
        "britain",
        "great britain",
        "scotland",
        "edinburgh",
        "manchester",
        "伦敦",
        "英国",
    ),
    "Europe/Madrid": ("barcelona", "spain", "马德里"),
    "Europe/Moscow": ("st petersburg", "saint petersburg", "莫斯科"),
    "Europe/Paris": ("france", "lyon", "marseille", "巴黎", "法国"),
    "Europe/Rome": ("milan", "naples", "florence", "venice", "italy", "罗马"),
    "Europe/Vienna": ("austria",),
    "Europe/Warsaw": ("krakow", "poland"),
    "Europe/Zurich": ("geneva", "basel", "bern", "zürich", "switzerland"),
    "Pacific/Auckland": ("wellington", "new zealand"),
    "Pacific/Honolulu": ("hawaii",),
    "UTC": ("utc", "gmt"),
}

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_ZONE = re.compile(r"\b[A-Za-z]+/[A-Za-z_]+(?:/[A-Za-z_]+)?")


def find_zones(text: str) -> list[str]:
    """IANA time zones of the places that a text names, in its order, each once."""
    spelled_out = [zone for zone in _ZONE.findall(text) if zone in _ALL_ZONES]
    return list(dict.fromkeys([*spelled_out, *_named(text)]))


def _named(text: str) -> Iterator[str]:
    words = [word.lower() for word in _WORD.findall(_ZONE.sub(" ", text))]
    start = 0
    while start < len(words):
        length, zone = _longest_name(words, start)
        if zone:
            yield zone
        else:
            yield from _in_chinese(words[start])
        start += length


def _longest_name(words: list[str], start: int) -> tuple[int, str | None]:
    """How many words to go on by, and the zone if they are a place's name."""
    for length in range(min(_LONGEST_NAME, len(words) - start), 0, -1):
        zone = _ZONES_BY_NAME.get(" ".join(words[start : start + length]))
        if zone:
            return length, zone
    return 1, None


def _in_chinese(word: str) -> Iterator[str]:
    """Chinese has no spaces: a name may stand anywhere in what looks like one word."""
    if not word.isascii():
        found = ((word.find(name), zone) for name, zone in _ZONES_BY_NAME.items() if not name.isascii())
        yield from (zone for place, zone in sorted(found) if place >= 0)


def _name_zones() -> dict[str, str]:
    zones = {}
    for zone in sorted(_ALL_ZONES):
        area, _, city = zone.partition("/")
        name = city.rpartition("/")[2].replace("_", " ").replace("-", " ").lower()
        if area in _AREAS and len(name) > 2 and name not in _WORDS_BEFORE_NAMES:
            zones[name] = zone
    return zones | {name: zone for zone, names in _OTHER_NAMES.items() for name in names}


_ALL_ZONES = available_timezones()
_ZONES_BY_NAME = _name_zones()
_LONGEST_NAME = max(len(name.split()) for name in _ZONES_BY_NAME)
