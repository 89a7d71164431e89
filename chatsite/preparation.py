"""What has to be true before the server can start, and what is brought up to date so that it is."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import sys
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, Error, connection
from django.db.migrations.executor import MigrationExecutor

from conversations.db.threads import leave_pool


def prepare() -> None:
    """Ends the process with a reason if the server cannot start. Django has to be set up."""
    check_port(settings.HOST, settings.PORT)
    run_checks()
    for folder in filter(None, (settings.VAR_DIR, settings.DATABASE_FOLDER)):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_database()
    run_checks(tags=[checks.Tags.database], databases=[DEFAULT_DB_ALIAS])
    migrate()
    if not settings.DEBUG:
        collect_static_files()


def check_port(host: str, port: int) -> None:
    """Ends the process, saying why, if the port cannot be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As Daphne binds: connections of a server that has just stopped do not hold the port
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            sys.exit(f"chatsite cannot start: {explain_port(error, host, port)}")


def explain_port(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65_535 else port - 1
        return (
            f"port {port} of {host} is in use by another program (perhaps by another chatsite). "
            f"Stop that one, or take another port: PORT={other} script/server"
        )
    if error.errno == errno.EACCES:
        return f"PORT is {port}, which this user may not listen on: take one from 1024 up"
    return f"HOST is {host!r}, which is no address of this machine ({error.strerror or error})"


def run_checks(**which: Any) -> None:
    """Prints every misconfiguration that the system checks find; ends the process if one is an error."""
    found = checks.run_checks(**which)
    for message in found:
        print(message, file=sys.stderr)  # noqa: T201
    if any(message.is_serious() for message in found):
        sys.exit("chatsite cannot start: see above")


def check_database() -> None:
    """Ends the process, saying why, if the database cannot be used."""
    leave_pool()
    try:
        connection.ensure_connection()
        encoding = server_encoding()
    except Error as error:
        sys.exit(f"chatsite cannot start: the database cannot be used: {' '.join(str(error).split())}")
    if encoding != "UTF8":
        sys.exit(
            f"chatsite cannot start: the database stores text as {encoding}, which has no room for every language. "
            "Make another: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
        )


def server_encoding() -> str:
    if connection.vendor != "postgresql":
        return "UTF8"
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_encoding")
        return str(cursor.fetchone()[0])


def migrate() -> None:
    """Applies the migrations that are not applied yet; telling whether there are any takes 0.1 s, running them 1 s."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        tell("Bringing the database up to date")
        call_command("migrate", interactive=False, verbosity=0)
    connection.close()


def collect_static_files() -> None:
    """Hashes and compresses the static files into STATIC_ROOT, unless their sources are those of the last time.

    From nothing, as collectstatic alone would keep a file whose source has become another, but older one.
    """
    fingerprint = hashlib.sha256("\n".join(sorted(static_sources())).encode()).hexdigest()
    collected = settings.STATIC_ROOT / "sources.sha256"
    if collected.exists() and collected.read_text() == fingerprint:
        return
    tell("Collecting the static files")
    call_command("collectstatic", clear=True, interactive=False, verbosity=0)
    collected.write_text(fingerprint)


def static_sources() -> Iterator[str]:
    """A line for each static file, which changes when the file does."""
    from django.contrib.staticfiles.finders import get_finders

    for finder in get_finders():
        for name, storage in finder.list([]):
            path = storage.path(name)
            stat = os.stat(path)
            yield f"{name} {path} {stat.st_mtime_ns} {stat.st_size}"


def tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201
