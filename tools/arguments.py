"""Parses the arguments that a model wrote into the arguments of a tool's function."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pydantic import BaseModel, ValidationError

from tools.results import repair_text
from tools.types import Tool, ToolError

MAX_REPORTED_ERRORS = 10


def parse_arguments(tool: Tool, text: str) -> BaseModel:
    """Parses and validates arguments. Raises ToolError, which names everything that is wrong.

    Accepts common mistakes that are safe to correct: an empty text and null mean no arguments, the object may be
    encoded in a JSON string, strings may contain raw line breaks, and numbers may be strings.
    """
    value = _parse_json(text)
    if isinstance(value, str):
        value = _parse_json(value)
    if value is None:
        value = {}
    if not isinstance(value, dict):
        kind = {list: "a list", bool: "true or false", str: "a string"}.get(type(value), "a number")
        raise ToolError(f"The arguments of {tool.name} must be a JSON object, not {kind}.")
    try:
        return tool.arguments.model_validate(value)
    except ValidationError as error:
        raise ToolError(_validation_message(tool, error)) from None


def keyword_arguments(arguments: BaseModel) -> dict[str, Any]:
    """Returns the validated arguments by the names of the function's parameters."""
    fields = type(arguments).model_fields
    return {field.alias or name: getattr(arguments, name) for name, field in fields.items()}


def fingerprint(arguments: BaseModel) -> str:
    """Returns a hash of the arguments with defaults filled in and types converted, regardless of the order of keys."""
    canonical = json.dumps(arguments.model_dump(mode="json", warnings=False, fallback=str), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _parse_json(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return _repair_strings(json.loads(text, strict=False, parse_constant=_refuse_constant))
    except json.JSONDecodeError as error:
        near = text[max(0, error.pos - 20) : error.pos + 20]
        position = f"line {error.lineno}, column {error.colno}, near {near!r}"
        raise ToolError(f"The arguments are not valid JSON: {error.msg} at {position}.") from None
    except RecursionError:
        raise ToolError("The arguments cannot be used: they are nested too deeply.") from None
    except ValueError as error:
        raise ToolError(f"The arguments are not valid JSON: {error}.") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _repair_strings(value: Any) -> Any:
    """Replaces lone surrogates, which JSON escapes can contain and no encoder accepts."""
    if isinstance(value, str):
        return repair_text(value, keep_nul=True)
    if isinstance(value, list):
        return [_repair_strings(item) for item in value]
    if isinstance(value, dict):
        return {repair_text(key, keep_nul=True): _repair_strings(item) for key, item in value.items()}
    return value


def _validation_message(tool: Tool, error: ValidationError) -> str:
    errors = error.errors(include_url=False, include_context=False)
    properties: Mapping[str, Any] = tool.parameters.get("properties", {})
    messages = [
        _describe_error(properties, details["type"], details["loc"], details["msg"], details["input"])
        for details in errors[:MAX_REPORTED_ERRORS]
    ]
    if len(errors) > MAX_REPORTED_ERRORS:
        messages.append(f"and {len(errors) - MAX_REPORTED_ERRORS} more")
    return f"Wrong arguments for {tool.name}: {'; '.join(messages)}."


def _describe_error(
    properties: Mapping[str, Any], error_type: str, location: Sequence[str | int], message: str, value: object
) -> str:
    name = ".".join(str(part) for part in location)[:100] or "arguments"
    if error_type == "missing":
        expected = properties.get(name, {}).get("type")
        return f"{name} is missing" + (f" (expected {expected})" if expected else "")
    if error_type == "extra_forbidden" and len(location) == 1:
        return f"{name} is unknown (there " + (f"are: {', '.join(properties)})" if properties else "are no arguments)")
    if error_type in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{name} is unknown"
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return f"{name}: {message}, not {shown if len(shown) <= 60 else shown[:60] + '…'}"
