"""What a second process costs: answers that one makes, and somebody watches through the other.

Each of N people asks through the first process, and watches with a second connection: through the same one, or through
the other, which gets the answer by way of Redis. The words come 50 per second to each. Both processes share a core
where there are two, so the CPU says more than the delay does; delays are from the model to the second connection.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.rig import meter
from benchmarks.rig.clients import Answer, Percentiles
from benchmarks.rig.model_server import model_name
from benchmarks.rig.programs import Cores, Programs, Served, ServerKind, allow_many_files, hold, new_site
from benchmarks.rig.report import Figure, Report, option_parser
from benchmarks.rig.websocket import WebSocket
from tests.redis import missing_for_redis, running_redis

ADDED_BAR_MS = 15.0
SHARED_BAR = 1.15
"""Times the CPU of one process that two may take, where each shows what it makes itself."""
PATIENCE = 120.0
RESULT = b'{"jsonrpc":"2.0","id"'


class Screen:
    """A connection of a person; `answer` is what it is told of the answer being made."""

    def __init__(self) -> None:
        self.answer = Answer()
        self._ids = itertools.count(1)
        self._results: dict[int, asyncio.Future[Any]] = {}
        self._socket: WebSocket

    @classmethod
    async def open(cls, port: int, token: str) -> Screen:
        screen = cls()

        def protocol() -> WebSocket:
            headers = {"Authorization": f"Bearer {token}"}
            return WebSocket("/ws/", headers, screen._take, lambda: screen.answer.fail("the connection was closed"))

        loop = asyncio.get_running_loop()
        _, screen._socket = await loop.create_connection(protocol, "127.0.0.1", port)
        await asyncio.wait_for(screen._socket.opened, PATIENCE)
        return screen

    async def call(self, method: str, **params: Any) -> Any:
        number = next(self._ids)
        self._results[number] = asyncio.get_running_loop().create_future()
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        self._socket.send(json.dumps(request).encode())
        return await asyncio.wait_for(self._results[number], PATIENCE)

    def close(self) -> None:
        self._socket.abort()

    def _take(self, frame: bytes, at: int) -> None:
        if frame.startswith(RESULT):
            reply = json.loads(frame)
            self._results[reply["id"]].set_result(reply["result"])
        else:
            self.answer.feed(frame, at)


@dataclass(frozen=True, slots=True)
class Shown:
    """`cpu_us` of all processes, for each token that a second connection got."""

    delay_ms: Percentiles
    cpu_us: float
    tokens: int
    complete: int


@dataclass(frozen=True, slots=True)
class Way:
    """Through which process somebody asks, and watches."""

    ask: Served
    watch: Served


async def show(ways: Sequence[Way], processes: Sequence[Served], model: str, tokens: int) -> Shown:
    """One answer for each way, all at once."""
    people = [await _seated(way) for way in ways]
    before = _cpu(processes)
    await asyncio.gather(*(_ask(asking, where, model, len(people), n) for n, (asking, _, where) in enumerate(people)))
    watched = [watching.answer for _, watching, _ in people]
    await asyncio.gather(*(asyncio.wait_for(answer.ended.wait(), PATIENCE) for answer in watched))
    cpu = _cpu(processes) - before
    for asking, watching, _ in people:
        asking.close()
        watching.close()
    delays = [delay for answer in watched for delay in answer.delays]
    complete = sum(len(answer.delays) == tokens and answer.error is None for answer in watched)
    return Shown(Percentiles.of(delays), cpu / max(1, len(delays)) * 1e6, len(delays), complete)


async def _seated(way: Way) -> tuple[Screen, Screen, str]:
    """Both connections of a person, who follows a new conversation with them."""
    token = way.ask.users[0]
    asking, watching = await Screen.open(way.ask.port, token), await Screen.open(way.watch.port, token)
    where = (await asking.call("conversation.create"))["conversation"]["id"]
    await watching.call("conversation.subscribe", conversation_id=where)
    return asking, watching, where


async def _ask(asking: Screen, where: str, model: str, people: int, number: int) -> None:
    await asyncio.sleep(number / people)
    await asking.call("message.send", text="What is the time?", model=model, conversation_id=where)


def _cpu(processes: Sequence[Served]) -> float:
    return sum(meter.cpu_seconds(served.pid) for served in processes)


async def measure(
    options: argparse.Namespace, report: Report, programs: Programs, folder: Path, redis_url: str
) -> None:
    model = model_name(options.tokens, options.rate)
    with ExitStack() as stack:
        model_url, _ = stack.enter_context(programs.model_server())
        settings, users = new_site(folder / "var", model_url=model_url, models=model, users=options.n)
        settings |= {"REDIS_URL": redis_url, "LIMIT_RUNS_PER_USER": "1000"}
        kind = ServerKind(options.server)
        one, two = (stack.enter_context(programs.product(kind, settings, users)) for _ in range(2))
        rounds: dict[str, list[Shown]] = {"here": [], "elsewhere": [], "both": []}
        for _ in range(options.rounds):
            for name, ways in _plans(one, two, users).items():
                rounds[name].append(await show(ways, [one, two], model, options.tokens))
        report.details["rounds"] = {name: [asdict(shown) for shown in found] for name, found in rounds.items()}
        _report(report, rounds, options)


def _plans(one: Served, two: Served, users: Sequence[str]) -> dict[str, list[Way]]:
    def of(served: Served, user: str) -> Served:
        return Served(served.name, served.port, served.pid, [user])

    return {
        "here": [Way(of(one, user), of(one, user)) for user in users],
        "elsewhere": [Way(of(one, user), of(two, user)) for user in users],
        "both": [Way(of(each, user), of(each, user)) for each, user in zip(itertools.cycle((one, two)), users)],
    }


def _report(report: Report, rounds: dict[str, list[Shown]], options: argparse.Namespace) -> None:
    def cpu(name: str) -> float:
        return statistics.median(shown.cpu_us for shown in rounds[name])

    def delay(name: str, share: str) -> float:
        return statistics.median(getattr(shown.delay_ms, share) or 0.0 for shown in rounds[name])

    is_void = any(shown.complete < options.n for found in rounds.values() for shown in found)
    added = max(0.0, delay("elsewhere", "p50") - delay("here", "p50"))
    here = cpu("here")
    for figure in (
        Figure(f"added to a token's delay, {options.n} answers, p50", "ms", added, bar=ADDED_BAR_MS, is_void=is_void),
        Figure("delay of a token, watched elsewhere, p50", "ms", delay("elsewhere", "p50"), is_void=is_void),
        Figure("delay of a token, watched elsewhere, p99", "ms", delay("elsewhere", "p99"), is_void=is_void),
        Figure("CPU of both for a token, watched elsewhere", "us", cpu("elsewhere"), floor=here, is_void=is_void),
        Figure("CPU of both, each shows its own", "us", cpu("both"), SHARED_BAR * here, here, is_void=is_void),
    ):
        report.add(figure)


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--n", type=int, default=50, help="answers at once")
    parser.add_argument("--tokens", type=int, default=500, help="of an answer")
    parser.add_argument("--rate", type=int, default=50, help="tokens per second")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--server", choices=["daphne", "uvicorn"], default="daphne")
    options = parser.parse_args()
    if missing := missing_for_redis():
        sys.exit(missing)
    allow_many_files()
    cores = Cores.of_machine()
    hold(0, cores.load)
    report = Report("cluster")
    with tempfile.TemporaryDirectory(prefix="chatsite-cluster-") as name, running_redis() as redis:
        programs = Programs(Path(name), cores)
        asyncio.run(measure(options, report, programs, Path(name), redis.url))
    report.finish(options.results)


if __name__ == "__main__":
    main()
