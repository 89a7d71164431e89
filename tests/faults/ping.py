"""Measures the response times of a server to repeated `models.list` requests, in a separate process.

    python -m tests.faults.ping ws://127.0.0.1:8000/ws/ < /dev/null

The token is in PING_TOKEN. Runs until its input ends, then prints the seconds that each response took.
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

from websockets.sync.client import connect

from tests.faults.process import PROJECT

REQUEST = '{"jsonrpc":"2.0","id":1,"method":"models.list"}'
INTERVAL = 0.02


@asynccontextmanager
async def pinging(url: str, token: str) -> AsyncIterator[list[float]]:
    """Runs this module during the block. The list has the seconds of each response once the block is left."""
    times: list[float] = []
    command = [sys.executable, "-m", "tests.faults.ping", url]
    environment = os.environ | {"PING_TOKEN": token}
    process = await asyncio.create_subprocess_exec(*command, cwd=PROJECT, env=environment, stdin=PIPE, stdout=PIPE)
    assert process.stdout is not None
    try:
        assert await process.stdout.readline(), "it is connected"
        yield times
    finally:
        output, _ = await process.communicate(b"")
        times += map(float, output.split())


def main(url: str) -> None:
    headers = {"Authorization": f"Bearer {os.environ['PING_TOKEN']}"}
    with connect(url, additional_headers=headers, proxy=None) as connection:
        connection.recv()
        print("connected", flush=True)  # noqa: T201
        times = []
        while not select.select([sys.stdin], [], [], INTERVAL)[0]:
            asked_at = time.perf_counter()
            connection.send(REQUEST)
            connection.recv()
            times.append(time.perf_counter() - asked_at)
    print(*times)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
