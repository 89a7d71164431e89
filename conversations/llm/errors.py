from __future__ import annotations

from typing import ClassVar


class LLMError(Exception):
    """Why a model call failed. What a person is told of each stands in `content`; str() is for the log.

    LLMError
    ├── UnreachableError        no connection: refused, TLS, name, time-out while connecting
    ├── TimedOutError           no first byte, silence, or too long in all
    ├── RateLimitedError        429, or a quota that is used up
    ├── UnavailableError        5xx, overloaded
    ├── MalformedError          not an answer that can be read, or one that broke off
    └── RejectedRequestError    this request will never succeed as it stands
        ├── RejectedKeyError
        ├── UnknownModelError
        ├── ContextTooLongError
        └── RefusedError
            └── NoToolsError    the model cannot call tools

    `code`, `content` and `retryable` are those of the WebSocket protocol; `content` may go on behind the protocol's
    sentence, in words of our own. `retry_after` is in seconds, where the server named a time.

    `transient`: the same request may succeed when it is sent again at once, so the client does that by itself while
    nothing of an answer has come. `repeatable`: so it may when an answer had begun, for somebody who takes back what
    there is of it: all that is transient, and silence.

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
