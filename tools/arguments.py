"""What a model wrote as arguments -> what a tool is called with, or a sentence on what is wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pydantic import BaseModel, ValidationError

from tools.results import clean
from tools.types import Tool, ToolError

MAX_COMPLAINTS = 10


def read_arguments(tool: Tool, text: str) -> BaseModel:
    """Lenient where that is safe: nothing and null mean no arguments, an object may be wrapped in a JSON string,
    strings may hold raw line breaks, numbers may come as strings. Raises ToolError with all that is wrong."""
    written = _parse(text)
    if isinstance(written, str):
        written = _parse(written)
    if written is None:
        written = {}
    if not isinstance(written, dict):
        raise ToolError(f"The arguments of {tool.name} must be a JSON object, not {_kind(written)}.")
    try:
        return tool.arguments.model_validate(written)
    except ValidationError as error:
        raise ToolError(_complaint(tool, error)) from None


def keyword_arguments(arguments: BaseModel) -> dict[str, Any]:
    """The checked arguments under the names of the function's parameters."""
    fields = type(arguments).model_fields
    return {field.alias or name: getattr(arguments, name) for name, field in fields.items()}


def fingerprint(arguments: BaseModel) -> str:
    """The same for arguments that mean the same: with defaults filled in, types converted, keys in any order."""
    meaning = json.dumps(arguments.model_dump(mode="json", warnings=False, fallback=str), sort_keys=True)
    return hashlib.sha256(meaning.encode()).hexdigest()


def _parse(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return _cleaned(json.loads(text, strict=False, parse_constant=_refuse_constant))
    except json.JSONDecodeError as error:
        near = text[max(0, error.pos - 20) : error.pos + 20]
        place = f"line {error.lineno}, column {error.colno}, near {near!r}"
        raise ToolError(f"The arguments are not valid JSON: {error.msg} at {place}.") from None
    except RecursionError:
        raise ToolError("The arguments are not usable: they are nested too deeply.") from None
    except ValueError as error:
        raise ToolError(f"The arguments are not valid JSON: {error}.") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _cleaned(value: Any) -> Any:
    """Escapes can spell half a surrogate pair, which no encoder accepts later on."""
    if isinstance(value, str):
        return clean(value, keep_nul=True)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {clean(key, keep_nul=True): _cleaned(item) for key, item in value.items()}
    return value


def _kind(value: object) -> str:
    return {list: "a list", bool: "true or false", str: "a string"}.get(type(value), "a number")


def _complaint(tool: Tool, error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_context=False)
    known: Mapping[str, Any] = tool.parameters.get("properties", {})
    complaints = [
        _fault(known, fault["type"], fault["loc"], fault["msg"], fault["input"]) for fault in faults[:MAX_COMPLAINTS]
    ]
    if len(faults) > MAX_COMPLAINTS:
        complaints.append(f"and {len(faults) - MAX_COMPLAINTS} more")
    return f"Wrong arguments for {tool.name}: {'; '.join(complaints)}."


def _fault(known: Mapping[str, Any], kind: str, place: Sequence[str | int], message: str, given: object) -> str:
    where = ".".join(str(part) for part in place)[:100] or "arguments"
    if kind == "missing":
        expected = known.get(where, {}).get("type")
        return f"{where} is missing" + (f" (expected {expected})" if expected else "")
    if kind == "extra_forbidden" and len(place) == 1:
        return f"{where} is unknown (there " + (f"are: {', '.join(known)})" if known else "are no arguments)")
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{where} is unknown"
    shown = json.dumps(given, ensure_ascii=False, default=str)
    return f"{where}: {message}, not {shown if len(shown) <= 60 else shown[:60] + '…'}"
