"""Names the input for which a test with many inputs failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def error_note(subject: object) -> Iterator[None]:
    """Adds the subject as a note to any exception raised in the block."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"input: {subject!r}")
        raise
