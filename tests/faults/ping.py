"""Asks a server for its models again and again, in a process of its own: how long does it take to answer?

    python -m tests.faults.ping ws://127.0.0.1:8000/ws/ < /dev/null

The token is in PING_TOKEN. It goes on until its input ends, and prints the seconds of each answer.
"""

from __future__ import annotations

import os
import select
import sys
import time

from websockets.sync.client import connect

REQUEST = '{"jsonrpc":"2.0","id":1,"method":"models.list"}'
PAUSE = 0.02


def main(url: str) -> None:
    headers = {"Authorization": f"Bearer {os.environ['PING_TOKEN']}"}
    with connect(url, additional_headers=headers, proxy=None) as connection:
        connection.recv()
        print("connected", flush=True)  # noqa: T201
        times = []
        while not select.select([sys.stdin], [], [], PAUSE)[0]:
            asked_at = time.perf_counter()
            connection.send(REQUEST)
            connection.recv()
            times.append(time.perf_counter() - asked_at)
    print(*times)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
