"""Says for which of many inputs a test failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def about(subject: object) -> Iterator[None]:
    """Adds the subject as a note to whatever is raised in the block."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"about {subject!r}")
        raise
