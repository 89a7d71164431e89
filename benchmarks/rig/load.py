"""Puts a load of clients on a server, and says what it cost."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from collections.abc import Awaitable
from typing import Any

from benchmarks.rig import meter
from benchmarks.rig.clients import Figures, Job, Percentiles
from benchmarks.rig.programs import ROOT, Cores, ProgramError, Served, environment, hold

SAMPLE_INTERVAL = 0.2
SETTLING = 0.5
"""Seconds between the last handshake and the first question."""
GENERATOR_LIMIT = 85.0
"""Percent of the load's core, from which on a measurement says more of the load than of the server."""
FOREIGN_LIMIT = 10.0
"""Percent of the server's core that other programs used, from which on a measurement is noisy."""


@dataclasses.dataclass(frozen=True, slots=True)
class Measurement:
    """`cpu_s` is the server's, in all its threads. `generator_percent`: how busy model and clients (or, where they are
    held to it, their core) were; `foreign_percent`: what other programs took of the server's core."""

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
        return self.generator_percent > GENERATOR_LIMIT

    @property
    def is_noisy(self) -> bool:
        return self.foreign_percent is not None and self.foreign_percent > FOREIGN_LIMIT

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
    moment: float
    server_cpu: float
    load_cpu: float
    server_core: float
    load_core: float

    @classmethod
    def take(cls, server: int, load: list[int], cores: Cores) -> _Reading:
        return cls(
            moment=asyncio.get_running_loop().time(),
            server_cpu=meter.cpu_seconds(server),
            load_cpu=sum(map(meter.cpu_seconds, load)),
            server_core=meter.core_seconds(cores.server)[1] if cores.server is not None else 0.0,
            load_core=meter.core_seconds(cores.load)[0] if cores.load is not None else 0.0,
        )


class Load:
    """A model server's process, and clients in a process of their own beside it."""

    def __init__(self, cores: Cores, model_pid: int) -> None:
        self._cores = cores
        self._model_pid = model_pid

    async def measure(self, served: Served, job: Job) -> Measurement:
        """Raises ProgramError if the clients cannot connect."""
        command = [sys.executable, "-m", "benchmarks.rig.clients"]
        pipe = asyncio.subprocess.PIPE
        clients = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, env=environment({}), cwd=ROOT, limit=1 << 20
        )
        hold(clients.pid, self._cores.load)
        try:
            return await self._measure(served, job, clients)
        finally:
            if clients.returncode is None:
                clients.kill()
            await clients.wait()

    async def _measure(self, served: Served, job: Job, clients: asyncio.subprocess.Process) -> Measurement:
        load = [self._model_pid, clients.pid]
        await _tell(clients, json.dumps(dataclasses.asdict(job)))
        await _expect(clients, "ready")
        await asyncio.sleep(SETTLING)
        idle_mb = meter.resident_mb(served.pid)
        before = _Reading.take(served.pid, load, self._cores)
        await _tell(clients, "")
        peak_mb = max(idle_mb, await _peak_until(_expect(clients, "over"), served.pid))
        after = _Reading.take(served.pid, load, self._cores)
        assert clients.stdout is not None
        figures = _figures(json.loads(await clients.stdout.readline()))
        return _measurement(served, job, figures, (before, after), (idle_mb, peak_mb), self._cores)


def _measurement(
    served: Served,
    job: Job,
    figures: Figures,
    readings: tuple[_Reading, _Reading],
    resident: tuple[float, float],
    cores: Cores,
) -> Measurement:
    before, after = readings
    seconds = after.moment - before.moment
    cpu_s = after.server_cpu - before.server_cpu
    load_s = after.load_core - before.load_core if cores.load is not None else after.load_cpu - before.load_cpu
    foreign_s = after.server_core - before.server_core - cpu_s
    return Measurement(
        server=served.name,
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
    """The most that the process held, in MB."""
    waiting = asyncio.ensure_future(over)
    peak = 0.0
    while not waiting.done():
        peak = max(peak, meter.resident_mb(pid))
        await asyncio.wait([waiting], timeout=SAMPLE_INTERVAL)
    waiting.result()
    return peak


async def _tell(clients: asyncio.subprocess.Process, line: str) -> None:
    assert clients.stdin is not None
    clients.stdin.write(line.encode() + b"\n")
    await clients.stdin.drain()


async def _expect(clients: asyncio.subprocess.Process, word: str) -> None:
    assert clients.stdout is not None
    line = (await clients.stdout.readline()).decode().strip()
    if line != word:
        raise ProgramError(f"the clients did not come to {word!r}; see what they printed above")


def _figures(values: dict[str, Any]) -> Figures:
    percentiles = {name: Percentiles(**value) for name, value in values.items() if name.endswith("_ms")}
    return Figures(**(values | percentiles))
