"""The product as it is deployed: Daphne in a process of its own, which a test may end as hard as it likes.

    async with ServerProcess(folder, settings) as server:
        await server.start()
        server.kill()
        await server.start()              # on the same port, with the same VAR_DIR

The folder is its own, and its VAR_DIR, if the settings name no other: several may share that, and a database. A test
can hold a server at one of the places that tests/faults/application.py names: `hold("write-a.txt-before")`, then
`await reached(...)`.
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
    """Signals go to this process alone, by its id. Whatever state it is in, leaving the `with` block ends it."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.var_dir = Path(settings.get("VAR_DIR", folder))
        self.port = spare_port()
        self._settings = dict(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "server.log"
        self._places = folder / "places"
        self._places.mkdir()
        self._clock = folder / "clock"
        self.set_clock(0)
        self._beside: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(f"The server's log:\n{self.log}")
        for task in self._beside:
            task.cancel()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        await self.ended()

    def beside(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Something that goes on beside the server, at most until the `with` block is left."""
        self._beside.append(asyncio.create_task(work))
        return self._beside[-1]

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/"

    @property
    def log(self) -> str:
        """What it has said in all its lives."""
        return self._log.read_text() if self._log.exists() else ""

    @property
    def pid(self) -> int:
        assert self._process is not None, "it was not started"
        return self._process.pid

    @property
    def resident(self) -> int:
        """Bytes of memory that it holds."""
        told = subprocess.run(["ps", "-o", "rss=", "-p", str(self.pid)], capture_output=True, text=True, check=True)
        return int(told.stdout) * 1024

    async def start(self) -> float:
        """Begins a life, and returns once it listens: the moment, on the monotonic clock."""
        self._launch()
        await self._until(self._listens, "it listens")
        return time.monotonic()

    def kill(self) -> None:
        """Ends it at once, and lets go of the places where it was held: the next life runs through."""
        assert self._process is not None, "it was not started"
        self._process.kill()
        self._process.wait()
        self.let_go()

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def interrupt(self) -> None:
        self._signal(signal.SIGINT)

    def stop(self) -> None:
        """Stops it where it is: it keeps everything and does nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    async def ended(self) -> int | None:
        """Its exit code, once it has ended; None if it was never started."""
        return None if self._process is None else await asyncio.to_thread(self._process.wait, PATIENCE)

    def set_clock(self, wrong_by: float) -> None:
        """From now on its clock is so many seconds fast, or slow."""
        new = self._clock.with_suffix(".new")
        new.write_text(f"{wrong_by}")
        new.replace(self._clock)

    def hold(self, place: str) -> None:
        """From now on whoever comes to this place in it stays there."""
        (self._places / place).touch()

    def let_go(self) -> None:
        """Of everybody who is held, and of the places."""
        for place in self._places.iterdir():
            place.unlink()

    async def reached(self, place: str) -> None:
        await self._until(lambda: (self._places / place).read_bytes() != b"", f"somebody is at {place}")

    def _launch(self) -> None:
        options = ["-b", "127.0.0.1", "-p", str(self.port), "-v", "0", "--no-server-name"]
        options += ["--websocket_connect_timeout", "60"]  # it may be slow to start where much else is going on
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
            "FAULTS_PLACES": str(self._places),
            "FAULTS_CLOCK": str(self._clock),
            **self._settings,
        }

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    async def _until(self, holds: Callable[[], bool], what: str) -> None:
        process = self._process
        assert process is not None, "it was not started"
        await until(lambda: process.poll() is not None or holds(), what)
        assert process.poll() is None, f"the server ended: {self.log}"


def manage(var_dir: Path, *command: str, **settings: str) -> list[str]:
    """Runs a command of manage.py, on the database in that folder if no other is set; the lines that it prints."""
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


def spare_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
