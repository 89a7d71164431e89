"""A PostgreSQL server for tests, in a temporary folder and on a free loopback port.

`python -m tests.postgres COMMAND...` runs a command with such a server, and its URL in TEST_DATABASE_URL.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

USER = "chatsite"
SYSTEM_ACCOUNT = "postgres"
"""Runs the server if the tests run as root, which PostgreSQL refuses."""
START_TIMEOUT = 30.0
FAST_SETTINGS = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "max_connections": "200"}
"""With these, commits survive a crash of the server, but not of the machine."""


@cache
def program_folder() -> Path | None:
    """Returns the folder of PostgreSQL's programs: from the PATH, else the newest of Debian's packages."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(versions, key=lambda path: int(path.parent.parent.name), default=None)
    return newest.parent if newest else None


def missing_for_postgres() -> str | None:
    """Returns what to install for tests with PostgreSQL, or None if nothing is missing."""
    return None if program_folder() else "no PostgreSQL found: run script/setup --system"


class PostgresServer:
    """Runs in a `with` block, in which it may be stopped, killed and started again on the same port."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="chatsite-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()

    @property
    def url(self) -> str:
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        return f"postgres://{USER}@127.0.0.1:{self.port}/{database}"

    def __enter__(self) -> Self:
        if os.getuid() == 0:
            shutil.chown(self._folder, SYSTEM_ACCOUNT, SYSTEM_ACCOUNT)
        settings = ["--username", USER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        command: list[str | Path] = [_program("initdb"), "--pgdata", self._folder / "cluster", *settings]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **self._account_options())
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Starts the server and waits until it accepts connections."""
        settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
        } | FAST_SETTINGS
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [_program("postgres"), "-D", self._folder / "cluster", *options],
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._account_options(),
            )
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """Stops the server as an administrator does: disconnects clients and writes a checkpoint."""
        self._stop_with(signal.SIGINT)

    def kill(self) -> None:
        """Stops all processes of the server immediately, without a checkpoint."""
        self._stop_with(signal.SIGQUIT)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Suspends all processes of the server: connections stay open, and nothing is answered."""
        assert self._process is not None, "the server is not running"
        postmaster = str(self._process.pid)
        found = subprocess.run(["ps", "-o", "pid=", "--ppid", postmaster], capture_output=True, text=True, check=True)
        processes = [int(pid) for pid in (postmaster, *found.stdout.split())]
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)

    def _stop_with(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait()

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                psycopg.connect(self.url).close()
            except psycopg.OperationalError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self._folder / "log").read_text()) from None
                time.sleep(0.05)
            else:
                return

    def _account_options(self) -> dict[str, Any]:
        if os.getuid() != 0:
            return {"cwd": self._folder}
        account = pwd.getpwnam(SYSTEM_ACCOUNT)
        return {"cwd": self._folder, "user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _program(name: str) -> Path:
    folder = program_folder()
    if folder is None:
        raise RuntimeError(missing_for_postgres())
    return folder / name


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def main() -> int:
    if missing := missing_for_postgres():
        print(missing, file=sys.stderr)  # noqa: T201
        return 1
    with PostgresServer() as server:
        command = subprocess.Popen(sys.argv[1:], env={**os.environ, "TEST_DATABASE_URL": server.url})
        signal.signal(signal.SIGTERM, lambda number, frame: command.terminate())
        while True:
            try:
                return command.wait()
            except KeyboardInterrupt:  # the command got the signal too and ends by itself
                continue


if __name__ == "__main__":
    sys.exit(main())
