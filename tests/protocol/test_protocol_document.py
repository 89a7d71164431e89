"""docs/protocol.md names the methods, the errors of a run and the close codes that there are, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from conversations.llm.errors import LLMError
from conversations.runner.run_task import INTERNAL, INTERRUPTED
from conversations.websocket.methods import METHODS
from conversations.websocket.protocol import close_codes

PROTOCOL = (Path(__file__).parent.parent.parent / "docs" / "protocol.md").read_text()
NOT_YET = {"run.approve", "quota_exceeded"}
"""What the document itself says is not served or sent yet."""


def found(pattern: str) -> list[str]:
    return re.findall(pattern, PROTOCOL, re.DOTALL)


def first_column(header: str) -> set[str]:
    """The names in the first cells of the table with this header."""
    (rows,) = found(re.escape(header) + r"[^\n]*\n\| ---[^\n]*\n((?:\|[^\n]*\n)+)")
    return {name for row in rows.splitlines() for name in re.findall(r"`([\w.]+)`", row.split("|")[1])}


def errors_of(kind: type[LLMError]) -> Iterator[type[LLMError]]:
    for each in kind.__subclasses__():
        yield each
        yield from errors_of(each)


def test_it_names_the_methods_that_are_served() -> None:
    assert first_column("| method | params (? = optional)") - NOT_YET == METHODS.keys()


def test_it_names_the_errors_with_which_a_run_ends() -> None:
    of_the_model = {error.code for error in errors_of(LLMError) if hasattr(error, "code")}
    of_the_server = {INTERRUPTED.error_code, INTERNAL.error_code, "max_iterations"}
    assert first_column("| `error.code` |") - NOT_YET == of_the_model | of_the_server


def test_it_names_the_codes_with_which_the_server_closes() -> None:
    (closing,) = found(r"(Close codes:.*?)Clients treat")
    codes = {value for value in vars(close_codes).values() if isinstance(value, int)} - {close_codes.INTERNAL}
    assert {int(code) for code in re.findall(r"[:,]\s+(\d{4})\b", closing)} == codes


def test_what_is_not_there_yet_is_said_to_be_so() -> None:
    (said,) = found(r"(Not served yet.*?)\n\n")
    assert set(re.findall(r"`([\w.]+)`", said)) >= NOT_YET
