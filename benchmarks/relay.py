"""The relay workload: N clients each ask once, and the model streams 500 tokens at 50 per second to each.

The product is measured beside two consumers that do nothing but relay, on the same kind of server: one sends each token
as it comes, one merges what came within 50 ms. They are the floor. Where there are two cores, the server has one to
itself, model and clients share the other. The model begins at once, so the time to the first token is what the server
adds to it.

Capacity (--find) is the largest N at which 99 % of the tokens are delayed less than 100 ms. A measurement whose clients
had too little time of their core is void; one whose server had to share its core is marked with `~`.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.rig.clients import Job
from benchmarks.rig.load import Load, Measurement
from benchmarks.rig.model_server import model_name
from benchmarks.rig.programs import Cores, Programs, Served, ServerKind, allow_many_files, new_site
from benchmarks.rig.report import Figure, Report, number, option_parser, print_table

DELAY_LIMIT_MS = 100.0
MERGE_MS = 50
CAPACITY_BAR = {"daphne": 250, "uvicorn": 350}
CPU_BAR = {"daphne": 120.0, "uvicorn": 90.0}
FIRST_TOKEN_BAR_MS = 10.0
BYTES_BAR_ONE, BYTES_BAR_MANY = 75_000.0, 30_000.0
FIRST_SEARCHED = 50
MOST_SEARCHED = 3200
TRIES = 3
RAMP_PER_SECOND = 50
"""Clients that begin within a second."""

HEADER = (
    "N, server",
    "delay p50",
    "p90",
    "p99 ms",
    "first p50",
    "p99 ms",
    "CPU s/M",
    "busy %",
    "idle",
    "peak MB",
    "bytes",
    "frames",
    "load %",
    "complete",
    "errors",
)


@dataclass(frozen=True, slots=True)
class Workload:
    tokens: int
    rate: int

    def job(self, served: Served, clients: int) -> Job:
        return Job(
            port=served.port,
            users=served.users,
            clients=clients,
            model=model_name(self.tokens, self.rate),
            tokens=self.tokens,
            ramp=min(5.0, clients / RAMP_PER_SECOND),
            patience=60 + 3 * self.tokens / self.rate,
        )

    def short_job(self, served: Served, questions: int) -> Job:
        """One client that asks again and again: for the first token."""
        tokens = min(10, self.tokens)
        return replace(self.job(served, 1), model=model_name(tokens, self.rate), tokens=tokens, questions=questions)


@dataclass(slots=True)
class Capacity:
    """The largest N that holds, 0 if none was seen to; void if the clients had no time to find a larger one."""

    streams: int = 0
    is_void: bool = False
    tried: list[Measurement] = field(default_factory=list)


class Relay:
    """The servers, side by side: the product first, its floors behind it."""

    def __init__(self, servers: Sequence[Served], load: Load, workload: Workload) -> None:
        self.servers = servers
        self._load = load
        self._workload = workload

    async def warm_up(self) -> None:
        for served in self.servers:
            await self._load.measure(served, self._workload.short_job(served, 1))

    async def first_tokens(self, questions: int) -> list[Measurement]:
        """Of each server, asked by one client."""
        jobs = ((served, self._workload.short_job(served, questions)) for served in self.servers)
        return [await self._load.measure(served, job) for served, job in jobs]

    async def measure(self, served: Served, clients: int, rounds: int) -> list[Measurement]:
        return [await self._load.measure(served, self._workload.job(served, clients)) for _ in range(rounds)]

    async def capacity(self, served: Served) -> Capacity:
        """Found to 5 %, by doubling and halving. A void measurement that falls short is made again."""
        found = Capacity()
        bad, clients = MOST_SEARCHED + 1, FIRST_SEARCHED
        while clients and bad - found.streams > max(2, found.streams // 20):
            measurement = await self._conclusive(served, clients, found.tried)
            if holds(measurement):
                found.streams = clients
            elif measurement.is_void:
                found.is_void = True
                break
            else:
                bad = clients
            clients = min(clients * 2, MOST_SEARCHED) if bad > MOST_SEARCHED else (found.streams + bad) // 2
        return found

    async def _conclusive(self, served: Served, clients: int, tried: list[Measurement]) -> Measurement:
        for _ in range(TRIES):
            measurement = (await self.measure(served, clients, 1))[0]
            tried.append(measurement)
            print_measurements([measurement])
            if holds(measurement) or not measurement.is_void:
                break
        return measurement


def holds(measurement: Measurement) -> bool:
    p99 = measurement.figures.delay_ms.p99
    return measurement.is_complete and p99 is not None and p99 < DELAY_LIMIT_MS


@contextmanager
def relay(options: argparse.Namespace, workload: Workload) -> Iterator[Relay]:
    kind = ServerKind(options.server, options.loop)
    cores = Cores.of_machine()
    users = max([FIRST_SEARCHED * 16] if options.find else options.n)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="chatsite-relay-"))
        programs = Programs(Path(folder), cores)
        model_url, model_pid = stack.enter_context(programs.model_server())
        model = model_name(workload.tokens, workload.rate)
        models = f"{model},{model_name(min(10, workload.tokens), workload.rate)}"
        settings, tokens = new_site(Path(folder) / "var", model_url=model_url, models=models, users=users)
        servers = [
            stack.enter_context(programs.product(kind, settings, tokens)),
            stack.enter_context(programs.bare(kind, model_url=model_url)),
            stack.enter_context(programs.bare(kind, model_url=model_url, merge_ms=MERGE_MS)),
        ]
        yield Relay(servers, Load(cores, model_pid), workload)


async def run(options: argparse.Namespace, report: Report) -> None:
    workload = Workload(options.tokens, options.rate)
    with relay(options, workload) as servers:
        await servers.warm_up()
        _add_first_tokens(report, await servers.first_tokens(options.questions))
        if options.find:
            await _find(servers, options, report)
        else:
            await _compare(servers, options, report)


async def _compare(servers: Relay, options: argparse.Namespace, report: Report) -> None:
    details = report.details["measurements"] = []
    for clients in options.n:
        by_server = await _measure_in_turn(servers, clients, options.rounds)
        details += [one.as_json() for of_server in by_server for one in of_server]
        _add_load(report, clients, by_server, CPU_BAR[options.server] if clients >= 100 else None)


async def _measure_in_turn(servers: Relay, clients: int, rounds: int) -> list[list[Measurement]]:
    """Of each server so many measurements; in turn, so that what else the machine does meets them all."""
    by_server: list[list[Measurement]] = [[] for _ in servers.servers]
    for _ in range(rounds):
        for served, measured in zip(servers.servers, by_server, strict=True):
            measured += await servers.measure(served, clients, 1)
        print_measurements([measured[-1] for measured in by_server])
    return by_server


async def _find(servers: Relay, options: argparse.Namespace, report: Report) -> None:
    medians: list[float] = []
    voids: list[bool] = []
    for served in servers.servers:
        found = [await servers.capacity(served) for _ in range(options.rounds)]
        medians.append(statistics.median(capacity.streams for capacity in found))
        voids.append(any(capacity.is_void for capacity in found))
        report.details.setdefault("capacities", {})[served.name] = [capacity.streams for capacity in found]
        tried = [one.as_json() for capacity in found for one in capacity.tried]
        report.details.setdefault("measurements", []).extend(tried)
    product, *floors = medians
    bar = CAPACITY_BAR[options.server]
    report.add(
        Figure("capacity", "streams", product, bar=bar, floor=max(floors), more_is_better=True, is_void=voids[0])
    )


def _add_first_tokens(report: Report, measured: Sequence[Measurement]) -> None:
    report.details["first_tokens"] = [one.as_json() for one in measured]
    product, bare, _ = measured
    report.add(
        Figure(
            "first token, one stream, p50",
            "ms",
            product.figures.first_token_ms.p50,
            bar=FIRST_TOKEN_BAR_MS,
            floor=bare.figures.first_token_ms.p50,
        )
    )
    report.add(
        Figure(
            "from the question to the model, one stream, p50",
            "ms",
            product.figures.request_ms.p50,
            floor=bare.figures.request_ms.p50,
        )
    )


def _add_load(report: Report, clients: int, by_server: Sequence[Sequence[Measurement]], cpu_bar: float | None) -> None:
    is_void = any(one.is_void for one in by_server[0])
    is_one = clients == 1

    def add(what: str, unit: str, of: Callable[[Measurement], float | None], bar: float | None) -> None:
        product = _median(map(of, by_server[0]))
        floors = [_median(of(one) for one in measured if not one.is_void) for measured in by_server[1:]]
        floor = min((floor for floor in floors if floor is not None), default=None)
        report.add(Figure(f"{what}, {clients} streams", unit, product, bar=bar, floor=floor, is_void=is_void))

    add("delay p50", "ms", lambda one: one.figures.delay_ms.p50, None)
    add("delay p99", "ms", lambda one: one.figures.delay_ms.p99, DELAY_LIMIT_MS)
    add("CPU per million tokens", "s", lambda one: one.cpu_s_per_million_tokens, cpu_bar)
    bytes_bar = BYTES_BAR_ONE if is_one else BYTES_BAR_MANY if cpu_bar else None
    add("to a client, an answer", "bytes", lambda one: one.figures.bytes_per_answer, bytes_bar)
    add("resident memory", "MB", lambda one: one.peak_mb, None)
    unfinished = sum(one.figures.asked - one.figures.complete for one in by_server[0])
    report.add(Figure(f"answers not complete, {clients} streams", "answers", unfinished, bar=0))


def _median(values: Iterator[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def print_measurements(measurements: Sequence[Measurement]) -> None:
    print_table(HEADER, map(_row, measurements))


def _row(one: Measurement) -> tuple[str, ...]:
    figures = one.figures
    mark = " void" if one.is_void else " ~" if one.is_noisy else ""
    delay, first = figures.delay_ms, figures.first_token_ms
    amounts = [delay.p50, delay.p90, delay.p99, first.p50, first.p99]
    amounts += [one.cpu_s_per_million_tokens, one.server_percent, one.idle_mb, one.peak_mb]
    amounts += [figures.bytes_per_answer, figures.frames_per_answer, one.generator_percent]
    complete = f"{figures.complete}/{figures.asked}"
    return f"{one.clients} {one.server}{mark}", *map(number, amounts), complete, str(figures.errors)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = option_parser(__doc__)
    parser.add_argument("--n", type=int, nargs="+", default=[1, 50, 150, 250], help="clients")
    parser.add_argument("--find", action="store_true", help="find the capacity of each server instead")
    parser.add_argument("--rounds", type=int, default=1, help="figures are medians of so many")
    parser.add_argument("--tokens", type=int, default=500, help="of an answer")
    parser.add_argument("--rate", type=int, default=50, help="tokens per second")
    parser.add_argument("--questions", type=int, default=20, help="for the first token at one stream")
    parser.add_argument("--server", choices=["daphne", "uvicorn"], default="daphne")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="uvloop", help="the servers' event loop")
    parser.add_argument("--quick", action="store_true", help="1 and 20 clients, 100 tokens: about 20 seconds")
    options = parser.parse_args(arguments)
    if options.quick:
        options.n, options.tokens, options.questions = [1, 20], 100, 5
    return options


def main() -> None:
    options = parse()
    allow_many_files()
    name = "relay" if options.server == "daphne" else f"relay-{options.server}"
    report = Report(f"{name}-capacity" if options.find else name)
    asked = {name: getattr(options, name) for name in ("tokens", "rate", "rounds", "server", "loop")}
    report.details["workload"] = asked
    asyncio.run(run(options, report))
    report.finish(options.results)


if __name__ == "__main__":
    main()
