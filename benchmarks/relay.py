"""Measures relaying: N clients each ask one question, and the model streams 500 tokens at 50 per second to each.

The product is compared with two minimal consumers on the same kind of server, which are the floor: one sends each token
at once, the other merges the tokens of 50 ms. On two cores, the server has its own core, and model and clients share
the other. The model starts at once, so the server adds all of the time to the first token.

Capacity (--find) is the largest N at which 99 % of the tokens are delayed less than 100 ms. A measurement is void if
the clients used their core too much, and marked with `~` if other programs used the server's core.
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
from benchmarks.rig.programs import Cores, Programs, RunningServer, ServerKind, allow_many_files, new_site
from benchmarks.rig.report import Figure, Report, format_number, option_parser, print_table

MAX_DELAY_MS = 100.0
MERGE_MS = 50
CAPACITY_BAR = {"daphne": 250, "uvicorn": 350}
CPU_BAR = {"daphne": 120.0, "uvicorn": 90.0}
FIRST_TOKEN_BAR_MS = 10.0
ONE_CLIENT_BYTES_BAR, MANY_CLIENTS_BYTES_BAR = 75_000.0, 30_000.0
MIN_SEARCHED_CLIENTS = 50
MAX_SEARCHED_CLIENTS = 3200
MAX_TRIES = 3
CLIENTS_PER_SECOND = 50
"""How fast the clients start."""

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

    def job(self, server: RunningServer, clients: int) -> Job:
        return Job(
            port=server.port,
            users=server.users,
            clients=clients,
            model=model_name(self.tokens, self.rate),
            tokens=self.tokens,
            ramp=min(5.0, clients / CLIENTS_PER_SECOND),
            timeout=60 + 3 * self.tokens / self.rate,
        )

    def short_job(self, server: RunningServer, questions: int) -> Job:
        """Returns the job of one client that asks several questions, to measure the first token."""
        tokens = min(10, self.tokens)
        return replace(self.job(server, 1), model=model_name(tokens, self.rate), tokens=tokens, questions=questions)


@dataclass(slots=True)
class Capacity:
    """The largest number of streams with acceptable delays, or 0. Void if the load generator limited the result."""

    streams: int = 0
    is_void: bool = False
    measurements: list[Measurement] = field(default_factory=list)


class RelayBenchmark:
    """Measures the servers: the product, then its floors."""

    def __init__(self, servers: Sequence[RunningServer], load: Load, workload: Workload) -> None:
        self.servers = servers
        self._load = load
        self._workload = workload

    async def warm_up(self) -> None:
        for server in self.servers:
            await self._load.measure(server, self._workload.short_job(server, 1))

    async def first_tokens(self, questions: int) -> list[Measurement]:
        """Measures each server with one client."""
        jobs = ((server, self._workload.short_job(server, questions)) for server in self.servers)
        return [await self._load.measure(server, job) for server, job in jobs]

    async def measure(self, server: RunningServer, clients: int) -> Measurement:
        return await self._load.measure(server, self._workload.job(server, clients))

    async def capacity(self, server: RunningServer) -> Capacity:
        """Finds the capacity to 5 % by doubling and bisection."""
        capacity = Capacity()
        failed, clients = MAX_SEARCHED_CLIENTS + 1, MIN_SEARCHED_CLIENTS
        while clients and failed - capacity.streams > max(2, capacity.streams // 20):
            measurement = await self._measure_with_retries(server, clients, capacity.measurements)
            if has_acceptable_delays(measurement):
                capacity.streams = clients
            elif measurement.is_void:
                capacity.is_void = True
                break
            else:
                failed = clients
            clients = (
                min(clients * 2, MAX_SEARCHED_CLIENTS)
                if failed > MAX_SEARCHED_CLIENTS
                else (capacity.streams + failed) // 2
            )
        return capacity

    async def _measure_with_retries(
        self, server: RunningServer, clients: int, measurements: list[Measurement]
    ) -> Measurement:
        """Repeats a void measurement whose delays are too long."""
        for _ in range(MAX_TRIES):
            measurement = await self.measure(server, clients)
            measurements.append(measurement)
            print_measurements([measurement])
            if has_acceptable_delays(measurement) or not measurement.is_void:
                break
        return measurement


def has_acceptable_delays(measurement: Measurement) -> bool:
    p99 = measurement.figures.delay_ms.p99
    return measurement.is_complete and p99 is not None and p99 < MAX_DELAY_MS


@contextmanager
def running_servers(options: argparse.Namespace, workload: Workload) -> Iterator[RelayBenchmark]:
    kind = ServerKind(options.server, options.loop)
    cores = Cores.of_machine()
    users = max([MIN_SEARCHED_CLIENTS * 16] if options.find else options.n)
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
        yield RelayBenchmark(servers, Load(cores, model_pid), workload)


async def run(options: argparse.Namespace, report: Report) -> None:
    workload = Workload(options.tokens, options.rate)
    with running_servers(options, workload) as benchmark:
        await benchmark.warm_up()
        _add_first_tokens(report, await benchmark.first_tokens(options.questions))
        if options.find:
            await _find_capacity(benchmark, options, report)
        else:
            await _compare(benchmark, options, report)


async def _compare(benchmark: RelayBenchmark, options: argparse.Namespace, report: Report) -> None:
    details = report.details["measurements"] = []
    for clients in options.n:
        by_server = await _measure_in_turn(benchmark, clients, options.rounds)
        details += [measurement.as_json() for measurements in by_server for measurement in measurements]
        _add_load(report, clients, by_server, CPU_BAR[options.server] if clients >= 100 else None)


async def _measure_in_turn(benchmark: RelayBenchmark, clients: int, rounds: int) -> list[list[Measurement]]:
    """Measures the servers in turn, so that other programs on the machine affect all of them. Returns one list each."""
    by_server: list[list[Measurement]] = [[] for _ in benchmark.servers]
    for _ in range(rounds):
        for server, measurements in zip(benchmark.servers, by_server, strict=True):
            measurements.append(await benchmark.measure(server, clients))
        print_measurements([measurements[-1] for measurements in by_server])
    return by_server


async def _find_capacity(benchmark: RelayBenchmark, options: argparse.Namespace, report: Report) -> None:
    medians: list[float] = []
    voids: list[bool] = []
    for server in benchmark.servers:
        capacities = [await benchmark.capacity(server) for _ in range(options.rounds)]
        medians.append(statistics.median(capacity.streams for capacity in capacities))
        voids.append(any(capacity.is_void for capacity in capacities))
        report.details.setdefault("capacities", {})[server.name] = [capacity.streams for capacity in capacities]
        measurements = [measurement.as_json() for capacity in capacities for measurement in capacity.measurements]
        report.details.setdefault("measurements", []).extend(measurements)
    product, *floors = medians
    bar = CAPACITY_BAR[options.server]
    report.add(
        Figure("capacity", "streams", product, bar=bar, floor=max(floors), more_is_better=True, is_void=voids[0])
    )


def _add_first_tokens(report: Report, measurements: Sequence[Measurement]) -> None:
    report.details["first_tokens"] = [measurement.as_json() for measurement in measurements]
    product, bare, _ = measurements
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
    is_void = any(measurement.is_void for measurement in by_server[0])

    def add(what: str, unit: str, value_of: Callable[[Measurement], float | None], bar: float | None) -> None:
        product = _median(map(value_of, by_server[0]))
        floors = [
            _median(value_of(measurement) for measurement in measurements if not measurement.is_void)
            for measurements in by_server[1:]
        ]
        floor = min((floor for floor in floors if floor is not None), default=None)
        report.add(Figure(f"{what}, {clients} streams", unit, product, bar=bar, floor=floor, is_void=is_void))

    add("delay p50", "ms", lambda measurement: measurement.figures.delay_ms.p50, None)
    add("delay p99", "ms", lambda measurement: measurement.figures.delay_ms.p99, MAX_DELAY_MS)
    add("CPU per million tokens", "s", lambda measurement: measurement.cpu_s_per_million_tokens, cpu_bar)
    bytes_bar = ONE_CLIENT_BYTES_BAR if clients == 1 else MANY_CLIENTS_BYTES_BAR if cpu_bar else None
    add("to a client, an answer", "bytes", lambda measurement: measurement.figures.bytes_per_answer, bytes_bar)
    add("resident memory", "MB", lambda measurement: measurement.peak_mb, None)
    incomplete = sum(measurement.figures.asked - measurement.figures.complete for measurement in by_server[0])
    report.add(Figure(f"answers not complete, {clients} streams", "answers", incomplete, bar=0))


def _median(values: Iterator[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def print_measurements(measurements: Sequence[Measurement]) -> None:
    print_table(HEADER, map(_row, measurements))


def _row(measurement: Measurement) -> tuple[str, ...]:
    figures = measurement.figures
    mark = " void" if measurement.is_void else " ~" if measurement.is_noisy else ""
    delay, first = figures.delay_ms, figures.first_token_ms
    amounts = [delay.p50, delay.p90, delay.p99, first.p50, first.p99]
    amounts += [measurement.cpu_s_per_million_tokens, measurement.server_percent]
    amounts += [measurement.idle_mb, measurement.peak_mb]
    amounts += [figures.bytes_per_answer, figures.frames_per_answer, measurement.generator_percent]
    complete = f"{figures.complete}/{figures.asked}"
    return (
        f"{measurement.clients} {measurement.server}{mark}",
        *map(format_number, amounts),
        complete,
        str(figures.errors),
    )


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = option_parser(__doc__)
    parser.add_argument("--n", type=int, nargs="+", default=[1, 50, 150, 250], help="clients")
    parser.add_argument("--find", action="store_true", help="find the capacity of each server instead")
    parser.add_argument("--rounds", type=int, default=1, help="rounds; figures are their medians")
    parser.add_argument("--tokens", type=int, default=500, help="tokens of an answer")
    parser.add_argument("--rate", type=int, default=50, help="tokens per second")
    parser.add_argument("--questions", type=int, default=20, help="questions to measure the first token")
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
