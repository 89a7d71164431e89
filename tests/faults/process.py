"""The server as it is deployed: Daphne in a separate process, which a test may stop or kill.

    async with ServerProcess(folder, settings) as server:
        await server.start()
        server.kill()
        await server.start()              # on the same port, with the same VAR_DIR

Each server has a folder of its own, which is also its VAR_DIR unless the settings name one to share. A test can hold a
server at a failpoint of tests/faults/application.py: `hold("write-a.txt-before")`, then `await reached(...)`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.faults.waiting import PATIENCE, until

PROJECT = Path(__file__).resolve().parent.parent.parent
SECRET_KEY = "only-for-tests-and-for-nothing-else-at-all"


class ServerProcess:
    """Sends signals to this process only, by its id. Leaving the `with` block kills it if it is still running."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.var_dir = Path(settings.get("VAR_DIR", folder))
        self.port = free_port()
        self._settings = dict(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "server.log"
        self._failpoints = folder / "failpoints"
        self._failpoints.mkdir()
        self._clock = folder / "clock"
        self.set_clock(0)
        self._background_tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(f"The server's log:\n{self.log}")
        for task in self._background_tasks:
            task.cancel()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        await self.ended()

    def run_in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs the coroutine as a task, which is cancelled when the `with` block is left."""
        self._background_tasks.append(asyncio.create_task(work))
        return self._background_tasks[-1]

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/"

    @property
    def log(self) -> str:
        """The output of all starts so far."""
        return self._log.read_text() if self._log.exists() else ""

    @property
    def pid(self) -> int:
        assert self._process is not None, "it was not started"
        return self._process.pid

    @property
    def resident_memory(self) -> int:
        """The resident set size in bytes."""
        output = subprocess.run(["ps", "-o", "rss=", "-p", str(self.pid)], capture_output=True, text=True, check=True)
        return int(output.stdout) * 1024

    async def start(self) -> float:
        """Starts the server, waits until it listens, and returns the time of the monotonic clock."""
        self._launch()
        await self._until(self._is_listening, "it listens")
        return time.monotonic()

    def kill(self) -> None:
        """Sends SIGKILL, and clears the failpoints, so that the next start is not held."""
        assert self._process is not None, "it was not started"
        self._process.kill()
        self._process.wait()
        self.release()

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def interrupt(self) -> None:
        self._signal(signal.SIGINT)

    def suspend(self) -> None:
        """Sends SIGSTOP: the process keeps its connections and its memory, but does not run."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    async def ended(self) -> int | None:
        """Waits until it has ended, and returns the exit code; None if it was never started."""
        return None if self._process is None else await asyncio.to_thread(self._process.wait, PATIENCE)

    def set_clock(self, offset: float) -> None:
        """Sets the wall clock of the server to `offset` seconds fast, or slow if negative."""
        new = self._clock.with_suffix(".new")
        new.write_text(f"{offset}")
        new.replace(self._clock)

    def hold(self, failpoint: str) -> None:
        """Makes the server wait when it reaches this failpoint."""
        (self._failpoints / failpoint).touch()

    def release(self) -> None:
        """Clears all failpoints, and lets the server continue."""
        for failpoint in self._failpoints.iterdir():
            failpoint.unlink()

    async def reached(self, failpoint: str) -> None:
        await self._until(
            lambda: (self._failpoints / failpoint).read_bytes() != b"", f"the failpoint {failpoint} is reached"
        )

    def _launch(self) -> None:
        options = ["-b", "127.0.0.1", "-p", str(self.port), "-v", "0", "--no-server-name"]
        options += ["--websocket_connect_timeout", "60"]  # starting may be slow on a busy machine
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "daphne", *options, "tests.faults.application:application"],
                cwd=PROJECT,
                env=os.environ | self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "it was not started"
        self._process.send_signal(number)

    def _environment(self) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": "chatsite.settings",
            "SECRET_KEY": SECRET_KEY,
            "VAR_DIR": str(self.var_dir),
            "FAULTS_FAILPOINTS": str(self._failpoints),
            "FAULTS_CLOCK": str(self._clock),
            **self._settings,
        }

    def _is_listening(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    async def _until(self, holds: Callable[[], bool], what: str) -> None:
        process = self._process
        assert process is not None, "it was not started"
        await until(lambda: process.poll() is not None or holds(), what)
        assert process.poll() is None, f"the server ended: {self.log}"


def manage(var_dir: Path, *command: str, **settings: str) -> list[str]:
    """Runs a manage.py command, by default on the database in `var_dir`, and returns the lines that it prints."""
    environment: dict[str, Any] = {
        "DJANGO_SETTINGS_MODULE": "chatsite.settings",
        "SECRET_KEY": SECRET_KEY,
        "VAR_DIR": str(var_dir),
        **settings,
    }
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=PROJECT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
