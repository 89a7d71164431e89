"""How long this machine lets a process wait that has little to do, told by such a process.

    python -m tests.pulse < /dev/null

It goes on until its input ends, and prints the seconds by which it was late at worst.
"""

from __future__ import annotations

import asyncio
import select
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import PIPE

BEAT = 0.01


class Machine:
    worst = 0.0
    """Seconds that everything on this machine may have waited, once it is not watched any more."""


@asynccontextmanager
async def watched_machine() -> AsyncIterator[Machine]:
    machine = Machine()
    command = [sys.executable, "-m", "tests.pulse"]
    process = await asyncio.create_subprocess_exec(*command, cwd=Path(__file__).parents[1], stdin=PIPE, stdout=PIPE)
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"beating\n"
        yield machine
    finally:
        told, _ = await process.communicate(b"")
        machine.worst = float(told)


def main() -> None:
    print("beating", flush=True)  # noqa: T201
    worst, ended = 0.0, False
    while not ended:
        before = time.monotonic()
        ended = bool(select.select([sys.stdin], [], [], BEAT)[0])
        worst = max(worst, time.monotonic() - before - BEAT)
    print(worst)  # noqa: T201


if __name__ == "__main__":
    main()
