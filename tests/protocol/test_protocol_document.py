"""docs/protocol.md lists exactly the methods, the error codes of a run and the close codes of the code."""

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
"""Names that the document itself says are not served or sent yet."""


def find_all(pattern: str) -> list[str]:
    return re.findall(pattern, PROTOCOL, re.DOTALL)


def first_column(header: str) -> set[str]:
    """Returns the names in the first column of the table with this header."""
    (rows,) = find_all(re.escape(header) + r"[^\n]*\n\| ---[^\n]*\n((?:\|[^\n]*\n)+)")
    return {name for row in rows.splitlines() for name in re.findall(r"`([\w.]+)`", row.split("|")[1])}


def all_subclasses(error: type[LLMError]) -> Iterator[type[LLMError]]:
    for each in error.__subclasses__():
        yield each
        yield from all_subclasses(each)


def test_the_document_lists_the_methods_that_are_served() -> None:
    assert first_column("| method | params (? = optional)") - NOT_YET == METHODS.keys()


def test_the_document_lists_the_error_codes_of_a_run() -> None:
    model_errors = {error.code for error in all_subclasses(LLMError) if hasattr(error, "code")}
    server_errors = {INTERRUPTED.error_code, INTERNAL.error_code, "max_iterations"}
    assert first_column("| `error.code` |") - NOT_YET == model_errors | server_errors


def test_the_document_lists_the_close_codes() -> None:
    (closing,) = find_all(r"(Close codes:.*?)Clients treat")
    codes = {value for value in vars(close_codes).values() if isinstance(value, int)} - {close_codes.INTERNAL}
    assert {int(code) for code in re.findall(r"[:,]\s+(\d{4})\b", closing)} == codes


def test_the_document_lists_what_is_not_served_yet() -> None:
    (paragraph,) = find_all(r"(Not served yet.*?)\n\n")
    assert set(re.findall(r"`([\w.]+)`", paragraph)) >= NOT_YET
