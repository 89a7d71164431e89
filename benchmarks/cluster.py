"""Measures the cost of a second process that shows answers which the first one generates.

Each of N users asks through the first process and watches with a second connection: through the same process, or
through the other, which receives the answer over Redis. Each answer has 50 tokens per second. On two cores both
processes share one, so CPU time is more meaningful than the delay, which is from the model to the second connection.
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
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.rig import meter
from benchmarks.rig.clients import Answer, Percentiles
from benchmarks.rig.model_server import model_name
from benchmarks.rig.programs import (
    Cores,
    Programs,
    RunningServer,
    ServerKind,
    allow_many_files,
    new_site,
    pin_to_core,
)
from benchmarks.rig.report import Figure, Report, option_parser
from benchmarks.rig.websocket import WebSocket
from tests.redis import missing_for_redis, running_redis

ADDED_DELAY_BAR_MS = 15.0
CPU_RATIO_BAR = 1.15
"""Maximum CPU time of two processes relative to one, if each shows its own answers."""
TIMEOUT = 120.0
RESULT_PREFIX = b'{"jsonrpc":"2.0","id"'


class Connection:
    """A connection of a user. `answer` records the notifications about the answer."""

    def __init__(self) -> None:
        self.answer = Answer()
        self._ids = itertools.count(1)
        self._results: dict[int, asyncio.Future[Any]] = {}
        self._socket: WebSocket

    @classmethod
    async def open(cls, port: int, token: str) -> Connection:
        connection = cls()

        def protocol() -> WebSocket:
            headers = {"Authorization": f"Bearer {token}"}
            return WebSocket(
                "/ws/", headers, connection._on_frame, lambda: connection.answer.fail("the connection was closed")
            )

        loop = asyncio.get_running_loop()
        _, connection._socket = await loop.create_connection(protocol, "127.0.0.1", port)
        await asyncio.wait_for(connection._socket.opened, TIMEOUT)
        return connection

    async def call(self, method: str, **params: Any) -> Any:
        number = next(self._ids)
        self._results[number] = asyncio.get_running_loop().create_future()
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        self._socket.send(json.dumps(request).encode())
        return await asyncio.wait_for(self._results[number], TIMEOUT)

    def close(self) -> None:
        self._socket.abort()

    def _on_frame(self, frame: bytes, at: int) -> None:
        if frame.startswith(RESULT_PREFIX):
            reply = json.loads(frame)
            self._results[reply["id"]].set_result(reply["result"])
        else:
            self.answer.feed(frame, at)


@dataclass(frozen=True, slots=True)
class Measurement:
    """`cpu_us` is the CPU time of all processes per token that a second connection received."""

    delay_ms: Percentiles
    cpu_us: float
    tokens: int
    complete: int


@dataclass(frozen=True, slots=True)
class Route:
    """The servers through which a user asks and watches."""

    ask: RunningServer
    watch: RunningServer


async def measure_answers(
    routes: Sequence[Route], servers: Sequence[RunningServer], model: str, tokens: int
) -> Measurement:
    """Measures one answer for each route, all at the same time."""
    users = [await _connect(route) for route in routes]
    before = _cpu_seconds(servers)
    await asyncio.gather(
        *(
            _ask(asking, conversation_id, model, delay=number / len(users))
            for number, (asking, _, conversation_id) in enumerate(users)
        )
    )
    answers = [watching.answer for _, watching, _ in users]
    await asyncio.gather(*(asyncio.wait_for(answer.ended.wait(), TIMEOUT) for answer in answers))
    cpu = _cpu_seconds(servers) - before
    for asking, watching, _ in users:
        asking.close()
        watching.close()
    delays = [delay for answer in answers for delay in answer.delays]
    complete = sum(len(answer.delays) == tokens and answer.error is None for answer in answers)
    return Measurement(Percentiles.of(delays), cpu / max(1, len(delays)) * 1e6, len(delays), complete)


async def _connect(route: Route) -> tuple[Connection, Connection, str]:
    """Opens both connections of a user, creates a conversation, and subscribes the second connection to it."""
    token = route.ask.users[0]
    asking, watching = await Connection.open(route.ask.port, token), await Connection.open(route.watch.port, token)
    conversation_id = (await asking.call("conversation.create"))["conversation"]["id"]
    await watching.call("conversation.subscribe", conversation_id=conversation_id)
    return asking, watching, conversation_id


async def _ask(asking: Connection, conversation_id: str, model: str, *, delay: float) -> None:
    await asyncio.sleep(delay)
    await asking.call("message.send", text="What is the time?", model=model, conversation_id=conversation_id)


def _cpu_seconds(servers: Sequence[RunningServer]) -> float:
    return sum(meter.cpu_seconds(server.pid) for server in servers)


async def measure(
    options: argparse.Namespace, report: Report, programs: Programs, folder: Path, redis_url: str
) -> None:
    model = model_name(options.tokens, options.rate)
    with ExitStack() as stack:
        model_url, _ = stack.enter_context(programs.model_server())
        settings, users = new_site(folder / "var", model_url=model_url, models=model, users=options.n)
        settings |= {"REDIS_URL": redis_url, "LIMIT_RUNS_PER_USER": "1000"}
        kind = ServerKind(options.server)
        first, second = (stack.enter_context(programs.product(kind, settings, users)) for _ in range(2))
        rounds: dict[str, list[Measurement]] = {"here": [], "elsewhere": [], "both": []}
        for _ in range(options.rounds):
            for name, routes in _routes(first, second, users).items():
                rounds[name].append(await measure_answers(routes, [first, second], model, options.tokens))
        report.details["rounds"] = {
            name: [asdict(measurement) for measurement in measurements] for name, measurements in rounds.items()
        }
        _add_figures(report, rounds, options)


def _routes(first: RunningServer, second: RunningServer, users: Sequence[str]) -> dict[str, list[Route]]:
    def route(ask: RunningServer, watch: RunningServer, user: str) -> Route:
        return Route(replace(ask, users=[user]), replace(watch, users=[user]))

    return {
        "here": [route(first, first, user) for user in users],
        "elsewhere": [route(first, second, user) for user in users],
        "both": [route(server, server, user) for server, user in zip(itertools.cycle((first, second)), users)],
    }


def _add_figures(report: Report, rounds: dict[str, list[Measurement]], options: argparse.Namespace) -> None:
    def cpu(name: str) -> float:
        return statistics.median(measurement.cpu_us for measurement in rounds[name])

    def delay(name: str, share: str) -> float:
        return statistics.median(getattr(measurement.delay_ms, share) or 0.0 for measurement in rounds[name])

    is_void = any(measurement.complete < options.n for measurements in rounds.values() for measurement in measurements)
    added = max(0.0, delay("elsewhere", "p50") - delay("here", "p50"))
    here = cpu("here")
    for figure in (
        Figure(
            f"added to a token's delay, {options.n} answers, p50", "ms", added, bar=ADDED_DELAY_BAR_MS, is_void=is_void
        ),
        Figure("delay of a token, watched elsewhere, p50", "ms", delay("elsewhere", "p50"), is_void=is_void),
        Figure("delay of a token, watched elsewhere, p99", "ms", delay("elsewhere", "p99"), is_void=is_void),
        Figure("CPU of both per token, watched elsewhere", "us", cpu("elsewhere"), floor=here, is_void=is_void),
        Figure("CPU of both, each shows its own", "us", cpu("both"), CPU_RATIO_BAR * here, here, is_void=is_void),
    ):
        report.add(figure)


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--n", type=int, default=50, help="simultaneous answers")
    parser.add_argument("--tokens", type=int, default=500, help="tokens of an answer")
    parser.add_argument("--rate", type=int, default=50, help="tokens per second")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--server", choices=["daphne", "uvicorn"], default="daphne")
    options = parser.parse_args()
    if missing := missing_for_redis():
        sys.exit(missing)
    allow_many_files()
    cores = Cores.of_machine()
    pin_to_core(0, cores.load)
    report = Report("cluster")
    with tempfile.TemporaryDirectory(prefix="chatsite-cluster-") as name, running_redis() as redis:
        programs = Programs(Path(name), cores)
        asyncio.run(measure(options, report, programs, Path(name), redis.url))
    report.finish(options.results)


if __name__ == "__main__":
    main()
