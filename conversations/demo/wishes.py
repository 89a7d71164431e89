"""What a question asks to be done with tools, found by its words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from conversations.demo.places import find_zones
from conversations.demo.sums import find_expressions


@dataclass(frozen=True, slots=True)
class Wish:
    """A call to make."""

    tool: str
    arguments: Mapping[str, object] = field(default_factory=dict)


_READ_UP_TO = 1_000
_LOOK_BACK = 10
"""Characters of a question, and questions before it, that are searched: the patterns below look far ahead."""

_TIME = re.compile(
    r"what(?:'s|’s| is)? (?:the )?(?:current |local )?(?:time|date|day)\b|time is it|current time|local time|time in\b"
    r"|today's date|date today|o'clock|几点|时间|日期|几号",
    re.IGNORECASE,
)
_FOLLOWS_UP = re.compile(r"^\s*(?:and|what about|how about|then)\b|^\s*(?:那|呢)|呢\s*[?？]?\s*$", re.IGNORECASE)
_LIST = re.compile(
    r"\b(?:list|show|see|which|what)\b[^.?!\n]{0,40}\bfiles\b|\bfiles\b[^.?!\n]{0,20}\bare there\b|^\s*ls\b"
    r"|(?:列出|有哪些|显示|查看).{0,12}文件|文件列表",
    re.IGNORECASE,
)
_FILE_NAME = r"[`'\"“]?(?P<file>[\w./-]{0,80}[\w-]\.[A-Za-z]\w{0,7})\b[`'\"”]?"
_WRITE = re.compile(
    r"(?:\b(?:write|save|put|store|create|make)\b|写|保存|存)(?P<what>[^\n]{0,500}?)"
    r"(?:\b(?:to|into|in|as|called|named)\b|到|入|进|为)\s*(?:(?:a|the|new|file)\s+){0,3}(?:文件\s*)?" + _FILE_NAME,
    re.IGNORECASE,
)
_WRITE_IN_CHINESE = re.compile(
    r"把(?P<what>[^\n]{1,500}?)(?:写|保存|存)(?:到|入|进|在)\s*(?:文件)?\s*" + _FILE_NAME, re.IGNORECASE
)
_WRITE_FILE_FIRST = re.compile(
    r"\b(?:create|make|write)\b[^\n]{0,20}?" + _FILE_NAME + r"\s*(?:with|containing|saying|:)\s*(?P<what>[^\n]{1,500})",
    re.IGNORECASE,
)
_READ = re.compile(r"(?:\b(?:read|open|cat|print|display|show)\b|读取|读|打开)[^\n]{0,30}?" + _FILE_NAME, re.IGNORECASE)
_READ_BACK = re.compile(r"\bread (?:it|that|this|the file)\b|\bread back\b|读出来|再读|读回", re.IGNORECASE)
_QUOTED = re.compile(r"\"([^\"]+)\"|“([^”]+)”|`([^`]+)`|(?<!\w)'([^']+)'(?!\w)")
_POEM = re.compile(
    r"\b(?P<kind>haiku|poem)\b(?:\s+(?:about|on|of)\s+(?:the\s+|a\s+)?(?P<topic>[\w' -]{1,60}))?|俳句|诗", re.IGNORECASE
)
_FILLER = re.compile(r"^(?:the\s+)?(?:text|words?|line|sentence|note)\b|^[\s:：,，把]+|[\s:：,，]+$", re.IGNORECASE)


def find_stages(question: str, earlier: Sequence[str] = ()) -> list[list[Wish]]:
    """The calls that a question asks for, those of one stage at once, those of the next when these have answered.
    `earlier` are the questions before it, the oldest first: "it" and "and in Paris?" are understood by them."""
    question, earlier = question[:_READ_UP_TO], [text[:_READ_UP_TO] for text in earlier[-_LOOK_BACK:]]
    writes = list(_writes(question))
    files = list(_reads(question, earlier, written=[str(wish.arguments["path"]) for wish in writes]))
    rest = question if not writes else " . "
    at_once = [*_calculations(rest), *_times(question, earlier)]
    stages = [at_once + writes, files] if writes else [at_once + files]
    return [_once(stage) for stage in stages if stage]


def _once(stage: list[Wish]) -> list[Wish]:
    return [wish for place, wish in enumerate(stage) if wish not in stage[:place]]


def _calculations(question: str) -> Iterator[Wish]:
    for expression in find_expressions(question):
        yield Wish("calculator", {"expression": expression})


def _times(question: str, earlier: Sequence[str]) -> Iterator[Wish]:
    zones = find_zones(question)[:8]
    if _TIME.search(question):
        yield from ([Wish("current_time", {"timezone": zone}) for zone in zones] or [Wish("current_time")])
    elif zones and earlier and _FOLLOWS_UP.search(question) and _TIME.search(earlier[-1]):
        yield from (Wish("current_time", {"timezone": zone}) for zone in zones)


def _writes(question: str) -> Iterator[Wish]:
    forms = (_WRITE_IN_CHINESE, _WRITE_FILE_FIRST, _WRITE)
    found = next((found for form in forms if (found := form.search(question))), None)
    if found:
        yield Wish("write_file", {"path": found["file"], "content": _content(found["what"])})


def _reads(question: str, earlier: Sequence[str], *, written: Sequence[str]) -> Iterator[Wish]:
    if _READ_BACK.search(question):
        known = [*(file for text in earlier for file in _files_in(text)), *written]
        yield from (Wish("read_file", {"path": file}) for file in known[-1:])
    yield from (Wish("read_file", {"path": found["file"]}) for found in _READ.finditer(question))
    if _LIST.search(question):
        yield Wish("list_files")


def _files_in(text: str) -> list[str]:
    return [found["file"] for found in re.finditer(_FILE_NAME, text)]


def _content(what: str) -> str:
    """The text to write: what is quoted, a poem where one is asked for, else the words themselves."""
    quoted = _QUOTED.search(what)
    if quoted:
        return next(text for text in quoted.groups() if text) + "\n"
    poem = _POEM.search(what)
    if poem:
        return _poem(poem["topic"] or "")
    words = what.strip()
    while (shorter := _FILLER.sub("", words).strip()) != words:
        words = shorter
    return (words or "A note from the demonstration model.") + "\n"


def _poem(topic: str) -> str:
    """Five, seven and five syllables, whatever the topic; the sea has a poem of its own."""
    topic = topic.strip()
    if topic.lower() in ("", "sea", "ocean"):
        return "Salt wind on the waves,\nthe sea keeps no record of\nfootprints on the sand.\n"
    return f"{topic.capitalize()}\n\nQuiet, it begins:\none small thing noticed at dusk,\nand the evening stays.\n"
