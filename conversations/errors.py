"""Expected failures of requests, with their error codes in the protocol (docs/protocol.md).

RequestError
├── NotFound         the object does not exist, or belongs to another user
├── RunActive        the conversation has a live run
├── RateLimited      too many requests or runs; `retry_after` is in seconds
├── TooLarge         the message is too long
├── Unavailable      the database cannot be reached, or the server is stopping
└── InvalidParams    `errors` maps the name of each invalid field to a description of the error
"""

from __future__ import annotations

from collections.abc import Mapping

RESTARTING = "The server is restarting. Please try again in a moment."


class RequestError(Exception):
    """The base of all expected failures. `message` is a sentence for the user."""

    code: str

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after: float | None = None


class NotFound(RequestError):
    code = "not_found"

    def __init__(self, what: str) -> None:
        super().__init__(f"There is no such {what}.")


class RunActive(RequestError):
    code = "run_active"

    def __init__(self) -> None:
        super().__init__("This conversation is still being answered.")


class RateLimited(RequestError):
    code = "rate_limited"

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooLarge(RequestError):
    code = "too_large"


class Unavailable(RequestError):
    code = "unavailable"

    def __init__(self, message: str = "The server cannot do this right now. Please try again.") -> None:
        super().__init__(message)


class InvalidParams(RequestError):
    code = "invalid_params"

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("Invalid params: " + "; ".join(f"{name}: {text}" for name, text in errors.items()))
        self.errors = dict(errors)
