"""Encodes the results of tools as the JSON text that the model receives (types.ToolResult describes it)."""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right
from typing import Any

from pydantic_core import to_jsonable_python

MAX_ERROR_LENGTH = 4_000
"""Characters of an error's text, which explains the error and is no place for output."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def repair_text(text: str, *, keep_nul: bool = False) -> str:
    """Joins surrogate pairs, and replaces lone surrogates and NUL, which not every encoder and database accepts."""
    if _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text if keep_nul else text.replace("\0", "\ufffd")


def success_content(result: object, execution_time: float, limit: int) -> str:
    """Returns the content of a success. Values that JSON does not have become their str().

    A result with more than `limit` characters of JSON is cut, with a note; if it is not text, its JSON is cut. Raises
    what the str() of the result raises.
    """
    if isinstance(result, str) and len(result) > limit:
        return _cut_content(result, execution_time, limit)
    try:
        jsonable = to_jsonable_python(result, fallback=str)
    except (ValueError, TypeError):  # circular, or bytes that are not text
        jsonable = str(result)
    value = _to_json_value(jsonable)
    text = _dumps(value)
    if len(text) > limit:
        return _cut_content(value if isinstance(value, str) else text, execution_time, limit)
    return _dumps({"success": True, "result": value, "execution_time": execution_time})


def failure_content(error: str) -> str:
    text = repair_text(error)
    return _dumps({"success": False, "error": text if len(text) <= MAX_ERROR_LENGTH else text[:MAX_ERROR_LENGTH] + "…"})


def skipped_content(content: str) -> str:
    """Returns the content for a skipped call that reuses an earlier result."""
    value: dict[str, Any] = json.loads(content)
    if "execution_time" in value:
        value["execution_time"] = 0.0
    value["skipped"] = True
    return _dumps(value)


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _cut_content(text: str, execution_time: float, limit: int) -> str:
    start = repair_text(text[:limit])
    length = bisect_right(range(1, len(start) + 1), limit, key=lambda end: len(_dumps(start[:end])))
    note = f"Showing the first {length} of {len(text)} characters."
    return _dumps({"success": True, "result": start[:length], "truncated": note, "execution_time": execution_time})


def _to_json_value(value: Any) -> Any:
    """Replaces NaN and infinities, which JSON does not have, by their names, and repairs all text."""
    if isinstance(value, str):
        return repair_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, list):
        return [_to_json_value(item) for item in value]
    if isinstance(value, dict):
        return {repair_text(str(key)): _to_json_value(item) for key, item in value.items()}
    return value
