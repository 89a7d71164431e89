"""A server that others wrote, run as a program of its own beside the tests."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

FAREWELL = 10.0
"""Seconds that a program has to end in when it is asked to."""


@contextmanager
def started(
    command: Sequence[str], *, ready: re.Pattern[str], within: float, environment: Mapping[str, str] | None = None
) -> Iterator[re.Match[str]]:
    """Yields the match of the line that says it is ready; raises AssertionError with what it said instead."""
    program = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    found: Future[re.Match[str]] = Future()
    said: list[str] = []
    # Read to the end: a program whose output nobody takes stops when the pipe is full.
    listener = threading.Thread(target=_listen, args=(program, ready, said, found))
    listener.start()
    try:
        yield found.result(within)
    except TimeoutError:
        raise AssertionError(f"not ready within {within:g} seconds: {''.join(said)}") from None
    finally:
        _end(program)
        listener.join()
        assert program.stdout is not None
        program.stdout.close()


def _listen(
    program: subprocess.Popen[str], ready: re.Pattern[str], said: list[str], found: Future[re.Match[str]]
) -> None:
    assert program.stdout is not None
    for line in program.stdout:
        said.append(line)
        if not found.done() and (match := ready.search(line)):
            found.set_result(match)
    if not found.done():
        found.set_exception(AssertionError(f"it ended before it was ready: {''.join(said)}"))


def _end(program: subprocess.Popen[str]) -> None:
    program.terminate()
    try:
        program.wait(FAREWELL)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
