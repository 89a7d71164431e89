"""What the product refuses to do, each with the code that programs are told (docs/protocol.md).

Refusal
├── NotFound         there is no such thing, or it is somebody else's
├── RunActive        the conversation has a live run
├── RateLimited      too many at once, or too often; `retry_after` in seconds
├── TooLarge
├── Unavailable      not now: the database cannot be reached, or the server is stopping
└── InvalidParams    a field is wrong; `errors` maps its name to what was expected
"""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):
    """An expected no. Its text is a sentence for the person."""

    code: str

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after: float | None = None


class NotFound(Refusal):
    code = "not_found"

    def __init__(self, what: str) -> None:
        super().__init__(f"There is no such {what}.")


class RunActive(Refusal):
    code = "run_active"

    def __init__(self) -> None:
        super().__init__("This conversation is still being answered.")


class RateLimited(Refusal):
    code = "rate_limited"

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooLarge(Refusal):
    code = "too_large"


class Unavailable(Refusal):
    code = "unavailable"

    def __init__(self, message: str = "The server cannot do this right now. Please try again.") -> None:
        super().__init__(message)


class InvalidParams(Refusal):
    code = "invalid_params"

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("Invalid params: " + "; ".join(f"{name}: {text}" for name, text in errors.items()))
        self.errors = dict(errors)
