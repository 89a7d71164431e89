"""Measures the memory of the server: idle, with many idle connections, and with many running answers.

The floor is a minimal consumer on the same server that only relays.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rig.clients import Job
from benchmarks.rig.load import Load
from benchmarks.rig.model_server import model_name
from benchmarks.rig.programs import Cores, Programs, RunningServer, ServerKind, allow_many_files, new_site
from benchmarks.rig.report import Figure, Report, option_parser

IDLE_BAR_MB, STREAMING_BAR_MB, SOCKET_BAR_KB = 120.0, 160.0, 40.0
DEFAULT_STREAMS = 200
CONNECTIONS_PER_USER = 50


@dataclass(frozen=True, slots=True)
class ResidentMemory:
    """Resident memory in MB: with open connections before the questions, and the maximum during the answers."""

    idle: float
    peak: float


class MemoryBenchmark:
    """Measures the product and its floor, with new processes for connections and for streams."""

    def __init__(self, options: argparse.Namespace, report: Report, programs: Programs, model: tuple[str, int]) -> None:
        self._options = options
        self._report = report
        self._programs = programs
        self._kind = ServerKind(options.server)
        self._model_url, model_pid = model
        self._load = Load(programs.cores, model_pid)
        self._model = model_name(options.tokens, options.rate)

    async def run(self, folder: Path) -> None:
        users = max(self._options.streams, -(-self._options.sockets // CONNECTIONS_PER_USER))
        settings, tokens = new_site(folder / "var", model_url=self._model_url, models=self._model, users=users)

        def product() -> AbstractContextManager[RunningServer]:
            return self._programs.product(self._kind, settings, tokens)

        def bare() -> AbstractContextManager[RunningServer]:
            return self._programs.bare(self._kind, model_url=self._model_url)

        with product() as server:
            idle, per_socket = await self._measure_connections(server)
        with bare() as server:
            bare_idle, bare_per_socket = await self._measure_connections(server)
        with product() as server:
            peak = (await self._measure(server, self._options.streams, 1)).peak
        with bare() as server:
            bare_peak = (await self._measure(server, self._options.streams, 1)).peak
        sockets, streams = f"an idle connection, of {self._options.sockets:,}", f"with {self._options.streams} streams"
        self._report.add(Figure("idle, after the start", "MB", idle, bar=IDLE_BAR_MB, floor=bare_idle))
        self._report.add(Figure(streams, "MB", peak, bar=STREAMING_BAR_MB, floor=bare_peak))
        self._report.add(Figure(sockets, "KB", per_socket, bar=SOCKET_BAR_KB, floor=bare_per_socket))

    async def _measure_connections(self, server: RunningServer) -> tuple[float, float]:
        """Returns the memory after the start in MB, and per idle connection in KB."""
        sockets = self._options.sockets
        idle = (await self._measure(server, 1, 0)).idle
        await self._measure(server, 1, 1)
        before = (await self._measure(server, 1, 0)).idle
        return idle, ((await self._measure(server, sockets, 0)).idle - before) / sockets * 1024

    async def _measure(self, server: RunningServer, clients: int, questions: int) -> ResidentMemory:
        tokens = self._options.tokens
        job = Job(server.port, server.users, clients, self._model, tokens, questions, ramp=clients / 100)
        measurement = await self._load.measure(server, job)
        self._report.details.setdefault("measurements", []).append(measurement.as_json())
        return ResidentMemory(measurement.idle_mb, measurement.peak_mb)


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--sockets", type=int, default=2000, help="idle connections")
    parser.add_argument("--streams", type=int, default=DEFAULT_STREAMS, help="simultaneous answers")
    parser.add_argument("--tokens", type=int, default=500, help="tokens of an answer")
    parser.add_argument("--rate", type=int, default=50, help="tokens per second")
    parser.add_argument("--server", choices=["daphne", "uvicorn"], default="daphne")
    options = parser.parse_args()
    allow_many_files()
    report = Report("memory")
    with tempfile.TemporaryDirectory(prefix="chatsite-memory-") as name:
        programs = Programs(Path(name), Cores.of_machine())
        with programs.model_server() as model:
            asyncio.run(MemoryBenchmark(options, report, programs, model).run(Path(name)))
    report.finish(options.results)


if __name__ == "__main__":
    main()
