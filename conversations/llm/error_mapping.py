"""Maps the error responses of model servers, which differ in shape and wording, to LLMErrors."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from email.utils import parsedate_to_datetime

import orjson

from conversations.llm.errors import (
    ContextTooLongError,
    LLMError,
    MalformedError,
    NoToolsError,
    RateLimitedError,
    RefusedError,
    RejectedKeyError,
    TimedOutError,
    UnavailableError,
    UnknownModelError,
)

_MAX_DETAIL_LENGTH = 200
_MAX_MESSAGE_LENGTH = 4000

# OpenAI, Azure, vLLM, SGLang, llama.cpp, Ollama, Mistral, Groq, Gemini, DeepSeek, OpenRouter, Anthropic behind proxies.
_CONTEXT = re.compile(
    r"context[ _](length|window|size)|maximum context|exceed_context|max_model_len|too[ _]many[ _](\w+[ _])?tokens"
    r"|(prompt|input) is too long|maximum number of tokens|(exceeds?|over) .{0,40}token limit"
    r"|reduce the length of the (messages|prompt|input)|request too large for model"
)
_MODEL = re.compile(
    r"model_not_(found|exist)|(unknown|invalid|no such) model|not a valid model"
    r"|model\b.{0,100}(does not exist|not exist|not found|is not available)"
)
_KEY = re.compile(r"api[ _]key.{0,20}(invalid|not valid)|(invalid|incorrect)[ _]api[ _]key|authentication|unauthorized")
_QUOTA = re.compile(r"insufficient_quota|exceeded your current quota|billing|insufficient balance")
_RATE = re.compile(r"rate[ _-]?limit|too many requests|quota")
_INVALID = re.compile(
    r"invalid_request|badrequest|bad request|validation|content_filter|inspection|does not support|unexpected endpoint"
)

# Ollama, OpenAI, Azure, OpenRouter, Mistral, Groq, xAI, DeepInfra, Bedrock, Qwen, DeepSeek, llama.cpp, vLLM, FastAPI.
_TOOLS = r"(tools?|tool[ _]us(e|age)|functions?|(tool|function)[ _-]?call(s|ing)?)"
_NO_TOOLS = re.compile(
    rf"(does not|doesn't) support (the )?{_TOOLS}\b(?![ _]choice)"
    r"|no endpoints found that support tool use"
    rf"|(?<!parallel )\b{_TOOLS}[`'\"]? (is|are) not (supported|enabled|available)"
    r"|\b(argument|parameter|field)s?( supplied)?:? [`'\"]?tools\b(?![.\[_])|extra_forbidden body tools\b"
    r"|requires --(jinja|enable-auto-tool-choice)"
)
_BAD_CALL = "tool_use_failed"  # Groq, for a call that does not match the tool's schema.

_ERROR_CLASSES: dict[int, type[LLMError]] = {
    401: RejectedKeyError,
    403: RejectedKeyError,
    404: UnknownModelError,
    408: TimedOutError,
    409: UnavailableError,
    425: UnavailableError,
    429: RateLimitedError,
}

_MESSAGE_KEYS = (
    "message",
    "msg",
    "detail",
    "error",
    "code",
    "type",
    "status",
    "param",
    "loc",
    "metadata",
    "raw",
    "errors",
)
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@|\bBearer\s+\S+|\b(?:sk|gsk|xai|pk|key|hf)[-_][\w.*-]{6,}", re.IGNORECASE)


def error_from_response(status: int, headers: Mapping[str, str], body: bytes) -> LLMError:
    """Returns the error for an HTTP response with a status other than 200."""
    try:
        messages = list(_messages(orjson.loads(body)))
    except ValueError:
        messages = []
    error = _make_error(status, " ".join(messages), f"HTTP {status}")
    error.retry_after = parse_retry_after(headers)
    return error


def error_from_report(report: object) -> LLMError:
    """Returns the error for an error object, or a string, inside a response with status 200."""
    status = None
    if isinstance(report, dict):
        values = [report.get(key) for key in ("code", "status", "status_code")]
        codes = [str(value) for value in values if isinstance(value, int | str)]
        status = next((int(code) for code in codes if re.fullmatch(r"[45]\d\d", code)), None)
    return _make_error(status, " ".join(_messages(report)), "error in the answer")


def find_error_report(chunk: Mapping[str, object]) -> object:
    """Returns the error object or string in a chunk or a complete body; None if it does not report an error."""
    if error := chunk.get("error"):
        return error
    if "choices" not in chunk and (chunk.get("object") == "error" or "message" in chunk or "detail" in chunk):
        return chunk
    return None


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Returns the seconds to wait by `Retry-After` (seconds or an HTTP date) or `retry-after-ms`; None without them."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            seconds = float(milliseconds) / 1000
        elif not (value := headers.get("Retry-After", "").strip()):
            return None
        elif value[0].isdigit():
            seconds = float(value)
        else:
            return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < 1e9 else None


def redact(text: str, secrets: Iterable[str]) -> str:
    """Returns `text` as one short line without the secrets, and without what looks like a key or credentials."""
    for secret in secrets:
        text = text.replace(secret, "***")
    line = " ".join(_CREDENTIALS.sub("***", text).split())
    return line if len(line) <= _MAX_DETAIL_LENGTH else line[: _MAX_DETAIL_LENGTH - 3] + "..."


def _messages(report: object, depth: int = 4) -> Iterator[str]:
    """Yields the strings that explain the error, without those that only echo the request."""
    if isinstance(report, str):
        yield report[:_MAX_MESSAGE_LENGTH]
    elif isinstance(report, list) and depth:
        for entry in report[:5]:
            yield from _messages(entry, depth - 1)
    elif isinstance(report, dict) and depth:
        for key in _MESSAGE_KEYS:
            yield from _messages(report.get(key), depth - 1)


def _make_error(status: int | None, message: str, source: str) -> LLMError:
    lower = message.lower()
    error_class = _error_class(status, lower)
    # The message about a rejected key explains nothing more, and may contain a part of the key.
    detail = source if error_class is RejectedKeyError or not message else f"{source}: {message}"
    transient = issubclass(error_class, UnavailableError | RateLimitedError | TimedOutError)
    return error_class(detail, transient=transient and not _QUOTA.search(lower))


def _error_class(status: int | None, message: str) -> type[LLMError]:
    if _NO_TOOLS.search(message):
        return NoToolsError
    if _BAD_CALL in message:
        return MalformedError
    if status is None:
        return _error_class_of_message(message, default=UnavailableError)
    if status in _ERROR_CLASSES:
        return _ERROR_CLASSES[status]
    return UnavailableError if status >= 500 else _error_class_of_message(message, default=RefusedError)


def _error_class_of_message(message: str, default: type[LLMError]) -> type[LLMError]:
    patterns: tuple[tuple[re.Pattern[str], type[LLMError]], ...] = (
        (_CONTEXT, ContextTooLongError),
        (_MODEL, UnknownModelError),
        (_KEY, RejectedKeyError),
    )
    if default is UnavailableError:
        patterns += ((_RATE, RateLimitedError), (_INVALID, RefusedError))
    return next((error_class for pattern, error_class in patterns if pattern.search(message)), default)
