"""The answer in Markdown that tells what tools gave back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from conversations.demo.texts import Phrases
from conversations.llm.types import FunctionCall

Round = list[tuple[FunctionCall, str]]
"""The calls of one reply, each with the content of the tool message that answers it."""

_LANGUAGES = {"py": "python", "js": "javascript", "ts": "typescript", "sh": "bash", "md": "markdown", "txt": "text"}
_PLAIN_SUM = re.compile(r"[\d\s.,+\-*/^()×÷−]+")
_PLAIN_NUMBER = re.compile(r"-?\d{1,60}(?:\.\d{1,60})?")


def failed(result: str) -> bool:
    """Whether a tool's result says that it is an error."""
    outcome = _parsed(result)
    return isinstance(outcome, Mapping) and outcome.get("success") is False


def from_results(calls: Sequence[tuple[FunctionCall, str]], phrases: Phrases) -> str:
    """A table of what is short, a formula for a lone sum, the rest one after the other, and who is speaking."""
    rows: list[tuple[str, str]] = []
    blocks: list[str] = []
    for call, result in calls:
        value = _value(result)
        if failed(result):
            blocks.append(phrases.tool_failed(call.name, _inline(_parsed(result).get("error", ""))))
        elif row := _row(call, value, phrases):
            rows.append(row)
            blocks += _formula(call, value)
        else:
            blocks.append(_block(call, value, phrases))
    return "\n\n".join([*_told(rows, phrases), *blocks, phrases.disclosure]) + "\n"


def _told(rows: Sequence[tuple[str, str]], phrases: Phrases) -> list[str]:
    if len(rows) < 2:
        return [f"{asked}: **{found}**" for asked, found in rows]
    head = f"| {phrases.asked} | {phrases.found} |\n| --- | --- |"
    return [phrases.here_is_what_i_found, "\n".join([head, *(f"| {asked} | **{found}** |" for asked, found in rows)])]


def _row(call: FunctionCall, value: Any, phrases: Phrases) -> tuple[str, str] | None:
    """What can be told in a line: what was asked, and what was found."""
    arguments = _arguments(call)
    if call.name == "calculator":
        return _code(str(arguments.get("expression", ""))), _inline(value)
    if call.name == "current_time":
        place = value.get("timezone") if isinstance(value, Mapping) else arguments.get("timezone")
        return phrases.time_in(_inline(place or "UTC")), _time(value, phrases)
    return None


def _time(value: Any, phrases: Phrases) -> str:
    if not isinstance(value, Mapping) or not isinstance(value.get("time"), str):
        return _inline(value)
    day, _, clock = value["time"].partition("T")
    return _inline(phrases.at(weekday=str(value.get("weekday", "")), day=day, clock=clock[:5]))


def _formula(call: FunctionCall, value: Any) -> list[str]:
    expression = str(_arguments(call).get("expression", ""))
    if call.name != "calculator" or not _PLAIN_SUM.fullmatch(expression) or not _PLAIN_NUMBER.fullmatch(str(value)):
        return []
    written = re.sub(r"(?:\*\*|\^)\s*(\d+)", r"^{\1}", expression.replace(",", "").strip())
    for sign in "*×":
        written = written.replace(sign, r" \times ")
    return [f"$$\n{' '.join(written.split())} = {value}\n$$"]


def _block(call: FunctionCall, value: Any, phrases: Phrases) -> str:
    path = str(_arguments(call).get("path", ""))
    if call.name == "write_file":
        return phrases.wrote(_code(path))
    if call.name == "read_file" and isinstance(value, Mapping) and isinstance(value.get("content"), str):
        return f"{phrases.contains(_code(path))}\n\n{fence(value['content'], _language(path))}"
    if call.name == "list_files" and isinstance(value, Mapping) and isinstance(value.get("entries"), list):
        return _listing(value["entries"], phrases)
    shown = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return f"{phrases.gave(_code(call.name))}\n\n{fence(shown, '' if isinstance(value, str) else 'json')}"


def _listing(entries: Sequence[Any], phrases: Phrases) -> str:
    if not entries:
        return phrases.no_files
    rows = [entry for entry in entries if isinstance(entry, Mapping)]
    lines = [
        f"| {_code(str(row.get('path', '')))} | {_inline(row.get('bytes', row.get('type', '')))} |" for row in rows
    ]
    return "\n".join([f"{phrases.files_here}\n", f"| {phrases.file} | {phrases.size} |\n| --- | ---: |", *lines])


def fence(text: str, language: str = "") -> str:
    """A code block around any text, its fence longer than every run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}{language}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{marks}"


def _language(path: str) -> str:
    suffix = path.rpartition(".")[2].lower() if "." in path else ""
    return _LANGUAGES.get(suffix, suffix if suffix.isalnum() else "")


def _code(text: str) -> str:
    """An inline code span that may stand in a table."""
    return "`" + " ".join(text.replace("`", "'").replace("|", "\\|").split()) + "`"


def _inline(value: Any) -> str:
    """Any value on one line, in which nothing is Markdown."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return re.sub(r"([\\`*_~\[\]<>|$&])", r"\\\1", " ".join(text.split()))


def _value(result: str) -> Any:
    """What a tool gave back: the `result` of the usual envelope, else the content as it stands."""
    outcome = _parsed(result)
    return outcome["result"] if isinstance(outcome, Mapping) and "result" in outcome else outcome


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _arguments(call: FunctionCall) -> Mapping[str, Any]:
    arguments = _parsed(call.arguments)
    return arguments if isinstance(arguments, Mapping) else {}
