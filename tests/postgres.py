"""A PostgreSQL server of the tests' own, in a temporary folder and on a spare port of loopback.

`python -m tests.postgres COMMAND...` runs a command with such a server, whose URL is in TEST_DATABASE_URL.
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
ACCOUNT = "postgres"
"""Whose processes they are where the tests run as root, which PostgreSQL refuses."""
START_PATIENCE = 30.0
QUICKLY = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "max_connections": "200"}
"""What was committed survives the death of the server, not that of the machine."""


@cache
def programs() -> Path | None:
    """The folder of PostgreSQL's programs: that of the PATH, else of the newest of Debian's packages."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(versions, key=lambda path: int(path.parent.parent.name), default=None)
    return newest.parent if newest else None


def missing_for_postgres() -> str | None:
    """What to install before there can be a server; None if there can."""
    return None if programs() else "no PostgreSQL found: run script/setup --system"


class PostgresServer:
    """Runs within a `with` block. The server may be stopped, killed and started again there; its port stays."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="chatsite-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _spare_port()

    @property
    def url(self) -> str:
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        return f"postgres://{USER}@127.0.0.1:{self.port}/{database}"

    def __enter__(self) -> Self:
        if os.getuid() == 0:
            shutil.chown(self._folder, ACCOUNT, ACCOUNT)
        settings = ["--username", USER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        command: list[str | Path] = [_program("initdb"), "--pgdata", self._folder / "cluster", *settings]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **self._account())
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Returns once it can be used."""
        settings = {"port": str(self.port), "listen_addresses": "127.0.0.1", "unix_socket_directories": ""} | QUICKLY
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [_program("postgres"), "-D", self._folder / "cluster", *options],
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._account(),
            )
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """As an administrator stops it: who is connected is cut off, what is committed is on disk."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Every process of it at once, without a farewell."""
        self._end(signal.SIGQUIT)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It keeps every connection, and answers none."""
        assert self._process is not None, "it was not started"
        postmaster = str(self._process.pid)
        told = subprocess.run(["ps", "-o", "pid=", "--ppid", postmaster], capture_output=True, text=True, check=True)
        processes = [int(pid) for pid in (postmaster, *told.stdout.split())]
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait()

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_PATIENCE
        while True:
            try:
                psycopg.connect(self.url).close()
            except psycopg.OperationalError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self._folder / "log").read_text()) from None
                time.sleep(0.05)
            else:
                return

    def _account(self) -> dict[str, Any]:
        if os.getuid() != 0:
            return {"cwd": self._folder}
        account = pwd.getpwnam(ACCOUNT)
        return {"cwd": self._folder, "user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _program(name: str) -> Path:
    folder = programs()
    if folder is None:
        raise RuntimeError(missing_for_postgres())
    return folder / name


def _spare_port() -> int:
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
            except KeyboardInterrupt:  # the command got it too, and ends in its own way
                continue


if __name__ == "__main__":
    sys.exit(main())
