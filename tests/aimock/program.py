"""Running a third-party server as a subprocess of the tests."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

EXIT_TIMEOUT = 10.0
"""Seconds to wait for a program to exit after SIGTERM, before it is killed."""


@contextmanager
def running_program(
    command: Sequence[str], *, ready: re.Pattern[str], within: float, environment: Mapping[str, str] | None = None
) -> Iterator[re.Match[str]]:
    """Runs the program for the block and yields the match of its ready line; raises AssertionError with its output."""
    program = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    found: Future[re.Match[str]] = Future()
    output: list[str] = []
    # The output is read to its end, since a program blocks when the pipe is full.
    listener = threading.Thread(target=_listen, args=(program, ready, output, found))
    listener.start()
    try:
        yield found.result(within)
    except TimeoutError:
        raise AssertionError(f"not ready within {within:g} seconds: {''.join(output)}") from None
    finally:
        _end(program)
        listener.join()
        assert program.stdout is not None
        program.stdout.close()


def _listen(
    program: subprocess.Popen[str], ready: re.Pattern[str], output: list[str], found: Future[re.Match[str]]
) -> None:
    assert program.stdout is not None
    for line in program.stdout:
        output.append(line)
        if not found.done() and (match := ready.search(line)):
            found.set_result(match)
    if not found.done():
        found.set_exception(AssertionError(f"it exited before it was ready: {''.join(output)}"))


def _end(program: subprocess.Popen[str]) -> None:
    program.terminate()
    try:
        program.wait(EXIT_TIMEOUT)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
