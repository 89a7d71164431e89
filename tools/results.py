"""What a tool gave back -> the JSON text that the model is told (types.ToolResult says its shape)."""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right
from typing import Any

from pydantic_core import to_jsonable_python

ERROR_LIMIT = 4_000
"""Characters of an error's text, which names what went wrong and is no place for output."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str, *, keep_nul: bool = False) -> str:
    """Surrogate pairs joined, lone surrogates and NUL replaced by U+FFFD: every encoder and database takes the rest."""
    if _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text if keep_nul else text.replace("\0", "\ufffd")


def success_content(result: object, execution_time: float, limit: int) -> str:
    """What JSON has no word for becomes its str. A result of over `limit` characters of JSON is cut, and says so;
    of one that is not text, the JSON text is what is cut. Raises what the result's own str() raises."""
    if isinstance(result, str) and len(result) > limit:
        return _cut(result, execution_time, limit)
    plain = _plain(_jsonable(result))
    text = _dumps(plain)
    if len(text) > limit:
        return _cut(plain if isinstance(plain, str) else text, execution_time, limit)
    return _dumps({"success": True, "result": plain, "execution_time": execution_time})


def failure_content(error: str) -> str:
    text = clean(error)
    return _dumps({"success": False, "error": text if len(text) <= ERROR_LIMIT else text[:ERROR_LIMIT] + "…"})


def skipped_content(content: str) -> str:
    """The content of an earlier result, as it serves again."""
    told: dict[str, Any] = json.loads(content)
    if "execution_time" in told:
        told["execution_time"] = 0.0
    told["skipped"] = True
    return _dumps(told)


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _cut(text: str, execution_time: float, limit: int) -> str:
    first = clean(text[:limit])
    shown = bisect_right(range(1, len(first) + 1), limit, key=lambda length: len(_dumps(first[:length])))
    note = f"Showing the first {shown} of {len(text)} characters."
    return _dumps({"success": True, "result": first[:shown], "truncated": note, "execution_time": execution_time})


def _jsonable(result: object) -> object:
    try:
        return to_jsonable_python(result, fallback=str)
    except (ValueError, TypeError):  # circular, or bytes that are no text
        return str(result)


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinities: they become their names."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {clean(str(key)): _plain(item) for key, item in value.items()}
    return value
