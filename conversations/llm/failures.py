"""What servers say went wrong, in their many wordings, as one error of the tree."""

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

_LONGEST_DETAIL = 200
_LONGEST_EXPLANATION = 4000

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
_BAD_CALL = "tool_use_failed"  # Groq, for a call that does not fit the tool's schema.

_EXPLAINING_KEYS = (
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


def failure_of_status(status: int, headers: Mapping[str, str], body: bytes) -> LLMError:
    """The error that an HTTP answer other than 200 stands for."""
    try:
        explanation = list(_explanations(orjson.loads(body)))
    except ValueError:
        explanation = []
    error = _failure(status, " ".join(explanation), f"HTTP {status}")
    error.retry_after = retry_after(headers)
    return error


def failure_of_object(reported: object) -> LLMError:
    """The error that an error object (or string) inside an answer of status 200 stands for."""
    text = " ".join(_explanations(reported))
    return _failure(_status_in(reported), text, "error in the answer")


def reported_error(chunk: Mapping[str, object]) -> object:
    """What a chunk, or a whole body, says went wrong; None if it is no report of an error."""
    if error := chunk.get("error"):
        return error
    if "choices" not in chunk and (chunk.get("object") == "error" or "message" in chunk or "detail" in chunk):
        return chunk
    return None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from now that a server asks to wait: `Retry-After` in seconds or as an HTTP date, or `retry-after-ms`."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return _finite_seconds(float(milliseconds) / 1000)
        value = headers.get("Retry-After", "").strip()
        if not value:
            return None
        if value[0].isdigit():
            return _finite_seconds(float(value))
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """One short line of `text` without the secrets, or anything else that looks like a key or a URL's credentials."""
    for secret in secrets:
        text = text.replace(secret, "***")
    line = " ".join(_CREDENTIALS.sub("***", text).split())
    return line if len(line) <= _LONGEST_DETAIL else line[: _LONGEST_DETAIL - 3] + "..."


def _finite_seconds(seconds: float) -> float | None:
    return seconds if 0 <= seconds < 1e9 else None


def _explanations(report: object, depth: int = 4) -> Iterator[str]:
    """The strings that explain, not those that echo the request."""
    if isinstance(report, str):
        yield report[:_LONGEST_EXPLANATION]
    elif isinstance(report, list) and depth:
        for entry in report[:5]:
            yield from _explanations(entry, depth - 1)
    elif isinstance(report, dict) and depth:
        for key in _EXPLAINING_KEYS:
            yield from _explanations(report.get(key), depth - 1)


def _status_in(report: object) -> int | None:
    if not isinstance(report, dict):
        return None
    for key in ("code", "status", "status_code"):
        value = report.get(key)
        if isinstance(value, int | str) and re.fullmatch(r"[45]\d\d", str(value)):
            return int(value)
    return None


def _failure(status: int | None, explanation: str, where: str) -> LLMError:
    # A refused key may be echoed in part, and its refusal explains nothing more.
    words = explanation.lower()
    kind = _kind(status, words)
    detail = where if kind is RejectedKeyError or not explanation else f"{where}: {explanation}"
    transient = issubclass(kind, UnavailableError | RateLimitedError | TimedOutError) and not _QUOTA.search(words)
    return kind(detail, transient=transient)


def _kind(status: int | None, words: str) -> type[LLMError]:
    if _NO_TOOLS.search(words):
        return NoToolsError
    if _BAD_CALL in words:
        return MalformedError
    return _kind_of_words(words, otherwise=UnavailableError) if status is None else _kind_of_status(status, words)


def _kind_of_status(status: int, words: str) -> type[LLMError]:
    if status in (401, 403):
        return RejectedKeyError
    if status == 404:
        return UnknownModelError
    if status == 408:
        return TimedOutError
    if status == 429:
        return RateLimitedError
    if status in (409, 425) or status >= 500:
        return UnavailableError
    return _kind_of_words(words, otherwise=RefusedError)


def _kind_of_words(words: str, otherwise: type[LLMError]) -> type[LLMError]:
    kinds: tuple[tuple[re.Pattern[str], type[LLMError]], ...] = (
        (_CONTEXT, ContextTooLongError),
        (_MODEL, UnknownModelError),
        (_KEY, RejectedKeyError),
    )
    if otherwise is UnavailableError:
        kinds += ((_RATE, RateLimitedError), (_INVALID, RefusedError))
    return next((kind for pattern, kind in kinds if pattern.search(words)), otherwise)
