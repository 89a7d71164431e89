"""Encodes and decodes frames: JSON-RPC 2.0 messages as text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import orjson

from conversations.errors import InvalidParams, RequestError

MAX_FRAME_BYTES = 1_000_000
"""In either direction."""

MAX_ID_CHARACTERS = 1000

RequestId = str | int | float | None

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
INTERNAL_ERROR, REQUEST_FAILED = -32603, -32000

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class FrameError(Exception):
    """A frame is not a valid request. `code` is JSON-RPC's; `request_id` is None if it could not be read."""

    def __init__(self, code: int, message: str, request_id: RequestId = None) -> None:
        super().__init__(message)
        self.code, self.message, self.request_id = code, message, request_id


@dataclass(frozen=True, slots=True)
class Request:
    """`params` is whatever JSON the client sent; `wants_answer` is false for a request without an id."""

    method: str
    params: Any
    id: RequestId
    wants_answer: bool


def decode(text: str) -> Request:
    """Decodes a request. Raises FrameError."""
    frame = _parse(text)
    if not isinstance(frame, dict):
        batch = " A batch is not supported." if isinstance(frame, list) else ""
        raise FrameError(INVALID_REQUEST, "A request is a JSON object." + batch)
    request_id = frame.get("id")
    if isinstance(request_id, float):
        request_id = _parse_slowly(text)["id"]  # orjson makes a float of an integer over 64 bits
    if not _is_id(request_id):
        raise FrameError(INVALID_REQUEST, f"An id is null, a number or at most {MAX_ID_CHARACTERS} characters.")
    method = frame.get("method")
    if frame.get("jsonrpc") != "2.0" or not isinstance(method, str):
        raise FrameError(INVALID_REQUEST, 'A request has "jsonrpc": "2.0" and a method.', request_id)
    return Request(method, frame.get("params", {}), request_id, "id" in frame)


def _is_id(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_ID_CHARACTERS
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def _parse(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return _parse_slowly(text)


def _parse_slowly(text: str) -> Any:
    """Parses what JSON allows but orjson refuses: lone surrogates, and numbers outside the range of floats."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise FrameError(PARSE_ERROR, "The frame is not JSON.") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _dumps(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an id that orjson cannot write: over 64 bits, or with a lone surrogate, which has to be escaped
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def result(request_id: RequestId, value: Mapping[str, Any]) -> str:
    return _dumps({"jsonrpc": "2.0", "id": request_id, "result": value})


def error(request_id: RequestId, code: int, message: str, data: Mapping[str, Any] | None = None) -> str:
    body = {"code": code, "message": message} | ({"data": data} if data is not None else {})
    return _dumps({"jsonrpc": "2.0", "id": request_id, "error": body})


def request_error(request_id: RequestId, refused: RequestError) -> str:
    if isinstance(refused, InvalidParams):
        return error(request_id, INVALID_PARAMS, refused.message, {"errors": refused.errors})
    data: dict[str, Any] = {"code": refused.code}
    if refused.retry_after is not None:
        data["retry_after"] = refused.retry_after
    return error(request_id, REQUEST_FAILED, refused.message, data)


def notification(method: str, params: Mapping[str, Any]) -> str:
    return _dumps({"jsonrpc": "2.0", "method": method, "params": params})
