"""Recognizes the tool calls that a question asks for, by its words in English and Chinese."""

from __future__ import annotations

import re
from dataclasses import dataclass
from zoneinfo import available_timezones

from tools.arithmetic import FUNCTIONS

_MAX_CHARACTERS = 500
_MAX_CALLS_PER_TOOL = 8


@dataclass(frozen=True, slots=True)
class Intent:
    """A tool call to make."""

    tool: str
    arguments: dict[str, str]


_OPERATORS = {"times": "*", "divided by": "/", "plus": "+", "minus": "-"}
_OPERATORS |= {"乘以": "*", "除以": "/", "加": "+", "减": "-"}
_SPELLED_OPERATOR = re.compile(rf"(?<=\d)\s*({'|'.join(_OPERATORS)})\s*(?=\d)", re.I)
_FUNCTION_NAME = rf"\b(?:{'|'.join(FUNCTIONS)})(?=\()"
_EXPRESSION = re.compile(rf"(?:{_FUNCTION_NAME}|-?[\d(])(?:{_FUNCTION_NAME}|[\d .,()+*/^%!×÷−-])*[\d)%!]", re.I | re.A)
_OPERATION = re.compile(r"[\d)%!] *[+*/^×÷]|[\d)%!] [-−] |[a-z0-9]\(", re.I | re.A)
_ONLY_ARITHMETIC = re.compile(r"\s*(?:what is|what's|calculate)?[\W\d]*+(?:等于|是)?(?:多少|几)?\W*", re.I)

_TIME = re.compile(r"\b(?:what|current)\b.*\b(?:time|date|day)\b|\btime (?:in|is it)\b|几点|几号|时间|日期", re.I)
_ZONES = {zone.rpartition("/")[2].lower(): zone for zone in sorted(available_timezones()) if "/" in zone}
_ZONES |= {"beijing": "Asia/Shanghai", "北京": "Asia/Shanghai", "上海": "Asia/Shanghai", "东京": "Asia/Tokyo"}
_ZONES |= {"伦敦": "Europe/London", "巴黎": "Europe/Paris", "纽约": "America/New_York"}

_FILE = re.compile(r"[\w./-]{0,80}\w\.[a-z]\w{0,7}\b", re.I | re.A)
_WRITE = re.compile(r"\b(?:write|save)\b|写|保存", re.I)
_READ = re.compile(r"\b(?:read|open|show)\b|读|打开", re.I)
_LIST = re.compile(r"\b(?:list|show|what|which)\b.*\bfiles\b|(?:列出|显示|哪些).*文件", re.I)
_QUOTED = re.compile(r"[\"“]([^\"”]+)[\"”]")
_CONTENT = re.compile(r"把(.+)(?:写|保存)|(?:write|save|写|保存)(.*)(?:\b(?:to|into|in|as)\b|到|进)", re.I | re.S)
_HAIKU = "Salt wind on the waves,\nthe sea keeps no record of\nfootprints on the sand."


def find_stages(question: str) -> list[list[Intent]]:
    """Returns the calls in stages: those of one do not depend on each other, but on the stage before."""
    question = question[:_MAX_CHARACTERS]
    file = _FILE.search(question)
    first, second = [], []
    if file and _WRITE.search(question):
        content = _content(question, before_path=question[: file.start()])
        first.append(Intent("write_file", {"path": file[0], "content": f"{content}\n"}))
    else:
        first += [Intent("calculator", {"expression": expression}) for expression in _expressions(question)]
        first += [Intent("current_time", {"timezone": zone}) for zone in _time_zones(question)]
    if file and _READ.search(question):
        second.append(Intent("read_file", {"path": file[0]}))
    if _LIST.search(question):
        second.append(Intent("list_files", {}))
    return [stage for stage in (first, second) if stage]


def _expressions(question: str) -> list[str]:
    """Returns what looks like arithmetic; whether it is valid is up to the calculator.

    "3-4" may be a range or part of a date, so it counts only if the question consists of nothing else.
    """
    question = _SPELLED_OPERATOR.sub(lambda found: f" {_OPERATORS[found[1].lower()]} ", question)
    alone = _ONLY_ARITHMETIC.fullmatch(question)
    found = dict.fromkeys(_EXPRESSION.findall(question))
    wanted = [text for text in found if _OPERATION.search(text) or (alone and re.search("[-−!]", text))]
    return wanted[:_MAX_CALLS_PER_TOOL]


def _time_zones(question: str) -> list[str]:
    """Returns the zones of the cities in a question about the time, UTC if it names none."""
    if not _TIME.search(question):
        return []
    words = "_" + re.sub(r"[^\w-]+", "_", question.lower()) + "_"
    places = [(words.find(f"_{name}_" if name.isascii() else name), zone) for name, zone in _ZONES.items()]
    found = dict.fromkeys(zone for place, zone in sorted(places) if place >= 0)
    return list(found)[:_MAX_CALLS_PER_TOOL] or ["UTC"]


def _content(question: str, *, before_path: str) -> str:
    """Returns the text to write: what is quoted, the haiku if one is asked for, or the words before the path."""
    if quoted := _QUOTED.search(question):
        return quoted[1]
    found = _CONTENT.search(before_path)
    words = (found[1] or found[2]).strip() if found else ""
    if not words or re.search("haiku|poem|俳句|诗", words, re.I):
        return _HAIKU
    return words
