"""Measures a server while clients use it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from collections.abc import Awaitable
from typing import Any

from benchmarks.rig import meter
from benchmarks.rig.clients import Figures, Job, Percentiles
from benchmarks.rig.programs import ROOT, Cores, ProgramError, RunningServer, environment, pin_to_core

SAMPLE_INTERVAL = 0.2
SETTLE_SECONDS = 0.5
"""Seconds between the last handshake and the first question."""
MAX_GENERATOR_PERCENT = 85.0
"""Use of the load generator's core above which a measurement is void, because the generator limits the result."""
MAX_FOREIGN_PERCENT = 10.0
"""Use of the server's core by other programs above which a measurement is noisy."""


@dataclasses.dataclass(frozen=True, slots=True)
class Measurement:
    """A measurement of one server. `cpu_s` is the CPU time of the server in all its threads.

    `generator_percent`: the CPU use of model server and clients, or of their core if they are pinned to one.
    `foreign_percent`: the use of the server's core by other programs.
    """

    server: str
    clients: int
    seconds: float
    figures: Figures
    cpu_s: float
    idle_mb: float
    peak_mb: float
    generator_percent: float
    foreign_percent: float | None

    @property
    def is_void(self) -> bool:
        return self.generator_percent > MAX_GENERATOR_PERCENT

    @property
    def is_noisy(self) -> bool:
        return self.foreign_percent is not None and self.foreign_percent > MAX_FOREIGN_PERCENT

    @property
    def is_complete(self) -> bool:
        return self.figures.complete == self.figures.asked

    @property
    def cpu_s_per_million_tokens(self) -> float | None:
        return self.cpu_s / self.figures.tokens * 1e6 if self.figures.tokens else None

    @property
    def server_percent(self) -> float:
        return 100 * self.cpu_s / self.seconds

    def as_json(self) -> dict[str, Any]:
        derived = {
            "cpu_s_per_million_tokens": _rounded(self.cpu_s_per_million_tokens),
            "server_percent": _rounded(self.server_percent),
            "void": self.is_void,
            "noisy": self.is_noisy,
        }
        return {name: _rounded(value) for name, value in dataclasses.asdict(self).items()} | derived


def _rounded(value: Any) -> Any:
    return round(value, 2) if isinstance(value, float) else value


@dataclasses.dataclass(frozen=True, slots=True)
class _Reading:
    time: float
    server_cpu: float
    load_cpu: float
    server_core: float
    load_core: float

    @classmethod
    def take(cls, server: int, load: list[int], cores: Cores) -> _Reading:
        return cls(
            time=asyncio.get_running_loop().time(),
            server_cpu=meter.cpu_seconds(server),
            load_cpu=sum(map(meter.cpu_seconds, load)),
            server_core=meter.core_seconds(cores.server)[1] if cores.server is not None else 0.0,
            load_core=meter.core_seconds(cores.load)[0] if cores.load is not None else 0.0,
        )


class Load:
    """Generates load with a running model server and clients in their own process."""

    def __init__(self, cores: Cores, model_pid: int) -> None:
        self._cores = cores
        self._model_pid = model_pid

    async def measure(self, server: RunningServer, job: Job) -> Measurement:
        """Runs the job against the server. Raises ProgramError if the clients cannot connect."""
        command = [sys.executable, "-m", "benchmarks.rig.clients"]
        pipe = asyncio.subprocess.PIPE
        clients = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, env=environment({}), cwd=ROOT, limit=1 << 20
        )
        pin_to_core(clients.pid, self._cores.load)
        try:
            return await self._measure(server, job, clients)
        finally:
            if clients.returncode is None:
                clients.kill()
            await clients.wait()

    async def _measure(self, server: RunningServer, job: Job, clients: asyncio.subprocess.Process) -> Measurement:
        load = [self._model_pid, clients.pid]
        await _send_line(clients, json.dumps(dataclasses.asdict(job)))
        await _expect_line(clients, "ready")
        await asyncio.sleep(SETTLE_SECONDS)
        idle_mb = meter.resident_mb(server.pid)
        before = _Reading.take(server.pid, load, self._cores)
        await _send_line(clients, "")
        peak_mb = max(idle_mb, await _peak_until(_expect_line(clients, "over"), server.pid))
        after = _Reading.take(server.pid, load, self._cores)
        assert clients.stdout is not None
        figures = _figures(json.loads(await clients.stdout.readline()))
        return _measurement(server, job, figures, (before, after), (idle_mb, peak_mb), self._cores)


def _measurement(
    server: RunningServer,
    job: Job,
    figures: Figures,
    readings: tuple[_Reading, _Reading],
    resident: tuple[float, float],
    cores: Cores,
) -> Measurement:
    before, after = readings
    seconds = after.time - before.time
    cpu_s = after.server_cpu - before.server_cpu
    load_s = after.load_core - before.load_core if cores.load is not None else after.load_cpu - before.load_cpu
    foreign_s = after.server_core - before.server_core - cpu_s
    return Measurement(
        server=server.name,
        clients=job.clients,
        seconds=seconds,
        figures=figures,
        cpu_s=cpu_s,
        idle_mb=resident[0],
        peak_mb=resident[1],
        generator_percent=100 * load_s / seconds,
        foreign_percent=max(0.0, 100 * foreign_s / seconds) if cores.server is not None else None,
    )


async def _peak_until(over: Awaitable[None], pid: int) -> float:
    """Returns the maximum resident memory of the process in MB."""
    future = asyncio.ensure_future(over)
    peak = 0.0
    while not future.done():
        peak = max(peak, meter.resident_mb(pid))
        await asyncio.wait([future], timeout=SAMPLE_INTERVAL)
    future.result()
    return peak


async def _send_line(clients: asyncio.subprocess.Process, line: str) -> None:
    assert clients.stdin is not None
    clients.stdin.write(line.encode() + b"\n")
    await clients.stdin.drain()


async def _expect_line(clients: asyncio.subprocess.Process, word: str) -> None:
    assert clients.stdout is not None
    line = (await clients.stdout.readline()).decode().strip()
    if line != word:
        raise ProgramError(f"the clients did not print {word!r}; see their output above")


def _figures(values: dict[str, Any]) -> Figures:
    percentiles = {name: Percentiles(**value) for name, value in values.items() if name.endswith("_ms")}
    return Figures(**(values | percentiles))
