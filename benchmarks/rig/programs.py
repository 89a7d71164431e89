"""Starts the processes of a benchmark: the model server and the measured servers."""

from __future__ import annotations

import os
import resource
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parent.parent.parent
INHERITED_VARIABLES = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR")
START_TIMEOUT = 120.0

ServerName = Literal["daphne", "uvicorn"]
LoopName = Literal["asyncio", "uvloop"]


class ProgramError(Exception):
    """A program did not start, or ended early. The text contains the end of its output."""


@dataclass(frozen=True, slots=True)
class Cores:
    """The cores for the measured server and for everything else. None if processes cannot be pinned to a core, or
    there is only one."""

    server: int | None = None
    load: int | None = None

    @classmethod
    def of_machine(cls) -> Cores:
        if sys.platform != "linux":
            return cls()
        usable = sorted(os.sched_getaffinity(0))
        return cls(usable[0], usable[1]) if len(usable) > 1 else cls()


def pin_to_core(pid: int, core: int | None) -> None:
    """Pins a process, and the threads that it starts from now on, to a core. 0 is this process."""
    if sys.platform == "linux" and core is not None:
        os.sched_setaffinity(pid, {core})


@dataclass(frozen=True, slots=True)
class ServerKind:
    name: ServerName = "daphne"
    loop: LoopName = "uvloop"

    def command(self, application: str, port: int) -> list[str]:
        if self.name == "daphne":
            launcher = "daphne" if self.loop == "asyncio" else "benchmarks.rig.daphne"
            return [sys.executable, "-m", launcher, "-v", "0", "-b", "127.0.0.1", "-p", str(port), application]
        options = ["--ws", "websockets-sansio", "--loop", self.loop, "--log-level", "warning", "--no-access-log"]
        python = [sys.executable, "-m", "uvicorn"]
        return [*python, "--host", "127.0.0.1", "--port", str(port), *options, application]


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A running server. `users` are API tokens."""

    name: str
    port: int
    pid: int
    users: Sequence[str]


class Programs:
    """Starts servers, and stores their output in `folder`."""

    def __init__(self, folder: Path, cores: Cores) -> None:
        self._folder = folder
        self.cores = cores

    @contextmanager
    def model_server(self) -> Iterator[tuple[str, int]]:
        """Yields the base URL and the process id."""
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.rig.model_server", str(port)]
        with self._running("model", command, environment({}), port, self.cores.load) as pid:
            yield f"http://127.0.0.1:{port}/v1", pid

    @contextmanager
    def product(self, kind: ServerKind, settings: Mapping[str, str], users: Sequence[str]) -> Iterator[RunningServer]:
        """Starts chatsite with the settings of `new_site`."""
        port = free_port()
        command = kind.command("chatsite.asgi:application", port)
        with self._running("product", command, settings, port, self.cores.server) as pid:
            yield RunningServer("product", port, pid, users)

    @contextmanager
    def bare(self, kind: ServerKind, *, model_url: str, merge_ms: int = 0) -> Iterator[RunningServer]:
        name = f"bare, {merge_ms} ms" if merge_ms else "bare"
        port = free_port()
        command = kind.command("benchmarks.rig.bare:application", port)
        settings = environment({"MODEL_URL": model_url, "MERGE_MS": str(merge_ms)})
        with self._running(name, command, settings, port, self.cores.server) as pid:
            yield RunningServer(name, port, pid, ["none"])

    @contextmanager
    def _running(
        self, name: str, command: Sequence[str], settings: Mapping[str, str], port: int, core: int | None
    ) -> Iterator[int]:
        """Yields the id of the process when it listens on the port."""
        log = self._folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, env=settings, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        try:
            pin_to_core(process.pid, core)
            _wait_until_listening(process, port, log)
            yield process.pid
            if process.poll() is not None:
                raise ProgramError(f"{name} ended during the measurement:\n{_tail(log)}")
        finally:
            _stop(process)


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Returns the settings, with only those variables of this process that every program needs."""
    return {name: os.environ[name] for name in INHERITED_VARIABLES if name in os.environ} | dict(settings)


def product_environment(var_dir: Path) -> dict[str, str]:
    return environment(
        {
            "DJANGO_SETTINGS_MODULE": "chatsite.settings",
            "ENV_FILE": os.devnull,
            "SECRET_KEY": secrets.token_urlsafe(48),
            "VAR_DIR": str(var_dir),
        }
    )


def new_site(var_dir: Path, *, model_url: str, models: str, users: int) -> tuple[dict[str, str], list[str]]:
    """Creates a site with users. Returns its settings and the users' API tokens."""
    var_dir.mkdir()
    settings = product_environment(var_dir) | {"LLM_BASE_URL": model_url, "LLM_MODEL": models}
    _manage(settings, "migrate", "--verbosity", "0")
    tokens = _manage(settings, "create_token", "--create", *(f"user-{number}" for number in range(users))).split()
    return settings, tokens


def allow_many_files() -> None:
    """Raises the limit of open files of this process and its children to the maximum."""
    _, maximum = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (maximum, maximum))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _manage(settings: Mapping[str, str], *arguments: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, env=dict(settings), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProgramError(f"manage.py {arguments[0]} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise ProgramError(f"{log.stem} did not start:\n{_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
