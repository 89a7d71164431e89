"""How long this machine lets a process wait that has little to do, told by such a process.

    python -m tests.pulse < /dev/null

It goes on until its input ends, and prints the seconds by which it was late at worst.
"""

from __future__ import annotations

import asyncio
import os
import select
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from subprocess import PIPE

from tests.clone import PROJECT

BEAT = 0.01


@asynccontextmanager
async def beside(module: str, *arguments: str, **environment: str) -> AsyncIterator[list[float]]:
    """A process of its own that runs the module from its first line on: the numbers that it tells at its end, once it
    is left."""
    told: list[float] = []
    command = [sys.executable, "-m", module, *arguments]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=PROJECT, env=os.environ | environment, stdin=PIPE, stdout=PIPE
    )
    assert process.stdout is not None
    try:
        assert await process.stdout.readline()
        yield told
    finally:
        output, _ = await process.communicate(b"")
        told += map(float, output.split())


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
