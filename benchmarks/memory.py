"""What the server holds in memory: idle, with many connections that do nothing, and with many answers under way.

The floor is a consumer on the same server that only relays.
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
from benchmarks.rig.programs import Cores, Programs, Served, ServerKind, allow_many_files, new_site
from benchmarks.rig.report import Figure, Report, option_parser

IDLE_BAR_MB, STREAMING_BAR_MB, SOCKET_BAR_KB = 120.0, 160.0, 40.0
BAR_STREAMS = 200
CONNECTIONS_PER_USER = 50


@dataclass(frozen=True, slots=True)
class Held:
    """Resident memory in MB: with the connections open, and the most while they asked."""

    idle: float
    peak: float


class Memory:
    """Measures the product and its floor, each in processes that nothing was measured in before."""

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

        def product() -> AbstractContextManager[Served]:
            return self._programs.product(self._kind, settings, tokens)

        def bare() -> AbstractContextManager[Served]:
            return self._programs.bare(self._kind, model_url=self._model_url)

        with product() as served:
            idle, per_socket = await self._connections(served)
        with bare() as served:
            bare_idle, bare_per_socket = await self._connections(served)
        with product() as served:
            peak = (await self._held(served, self._options.streams, 1)).peak
        with bare() as served:
            bare_peak = (await self._held(served, self._options.streams, 1)).peak
        sockets, streams = f"an idle connection, of {self._options.sockets:,}", f"with {self._options.streams} streams"
        self._report.add(Figure("idle, after the start", "MB", idle, bar=IDLE_BAR_MB, floor=bare_idle))
        self._report.add(Figure(streams, "MB", peak, bar=STREAMING_BAR_MB, floor=bare_peak))
        self._report.add(Figure(sockets, "KB", per_socket, bar=SOCKET_BAR_KB, floor=bare_per_socket))

    async def _connections(self, served: Served) -> tuple[float, float]:
        """What the process holds after its start, in MB, and for each connection that does nothing, in KB."""
        sockets = self._options.sockets
        idle = (await self._held(served, 1, 0)).idle
        await self._held(served, 1, 1)
        before = (await self._held(served, 1, 0)).idle
        return idle, ((await self._held(served, sockets, 0)).idle - before) / sockets * 1024

    async def _held(self, served: Served, clients: int, questions: int) -> Held:
        tokens = self._options.tokens
        job = Job(served.port, served.users, clients, self._model, tokens, questions, ramp=clients / 100)
        measurement = await self._load.measure(served, job)
        self._report.details.setdefault("measurements", []).append(measurement.as_json())
        return Held(measurement.idle_mb, measurement.peak_mb)


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--sockets", type=int, default=2000, help="connections that do nothing")
    parser.add_argument("--streams", type=int, default=BAR_STREAMS, help="answers at once")
    parser.add_argument("--tokens", type=int, default=500, help="of an answer")
    parser.add_argument("--rate", type=int, default=50, help="tokens per second")
    parser.add_argument("--server", choices=["daphne", "uvicorn"], default="daphne")
    options = parser.parse_args()
    allow_many_files()
    report = Report("memory")
    with tempfile.TemporaryDirectory(prefix="chatsite-memory-") as name:
        programs = Programs(Path(name), Cores.of_machine())
        with programs.model_server() as model:
            asyncio.run(Memory(options, report, programs, model).run(Path(name)))
    report.finish(options.results)


if __name__ == "__main__":
    main()
