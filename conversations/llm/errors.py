"""The exceptions of model calls."""

from __future__ import annotations

from typing import ClassVar


class LLMError(Exception):
    """A model call failed. `content` is shown to users; str() is for the log.

    LLMError
    ├── UnreachableError        no connection: refused, TLS, DNS, timeout while connecting
    ├── TimedOutError           no first byte, an idle connection, or the whole answer took too long
    ├── RateLimitedError        429, or an exhausted quota
    ├── UnavailableError        5xx, overloaded
    ├── MalformedError          an invalid or incomplete answer
    └── RejectedRequestError    the request cannot succeed as it is
        ├── RejectedKeyError
        ├── UnknownModelError
        ├── ContextTooLongError
        └── RefusedError
            └── NoToolsError    the model does not support tools

    `code`, `content` and `retryable` are those of the WebSocket protocol; `content` may add an explanation to the
    protocol's sentence. `retry_after` is in seconds, if the server sent it.

    `transient`: the same request may succeed if it is sent again at once, so the client retries it as long as no delta
    arrived. `repeatable`: the same applies after the first delta, for a caller that discards the partial answer. All
    transient errors are repeatable, and so is an idle connection.

    `detail` is one short line without keys, credentials or a raw body.
    """

    code: ClassVar[str]
    content: ClassVar[str]
    retryable: ClassVar[bool] = True

    def __init__(
        self,
        detail: str = "",
        *,
        retry_after: float | None = None,
        transient: bool = False,
        repeatable: bool = False,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
        self.transient = transient
        self.repeatable = transient or repeatable

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code


class UnreachableError(LLMError):
    code = "unreachable"
    content = "Unable to connect to LLM service"


class TimedOutError(LLMError):
    code = "timeout"
    content = "LLM request timed out"


class RateLimitedError(LLMError):
    code = "rate_limited"
    content = "Rate limit exceeded, please try again later"


class UnavailableError(LLMError):
    code = "unavailable"
    content = "LLM service unavailable (503)"


class MalformedError(LLMError):
    code = "malformed"
    content = "The LLM service sent an answer that could not be read, or broke off"


class RejectedRequestError(LLMError):
    retryable = False


class RejectedKeyError(RejectedRequestError):
    code = "rejected_key"
    content = "The LLM service refused the configured key"


class UnknownModelError(RejectedRequestError):
    code = "unknown_model"
    content = "The LLM service does not know this model"


class ContextTooLongError(RejectedRequestError):
    code = "context_too_long"
    content = "The conversation is too long for this model"


class RefusedError(RejectedRequestError):
    code = "refused"
    content = "The LLM service refused this request"


class NoToolsError(RefusedError):
    content = f"{RefusedError.content}: this model has no tools. Turn tools off, or choose another model."
