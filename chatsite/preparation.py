"""Prepares the start of the server: checks, the database, and static files."""

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
    """Brings everything up to date. Exits with a message if the server cannot start. Django must be set up."""
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
    """Exits with a message if the server cannot listen on the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # Like Daphne, ignores closed connections of a server that has just stopped
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            sys.exit(f"chatsite cannot start: {port_error_message(error, host, port)}")


def port_error_message(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        other_port = port + 1 if port < 65_535 else port - 1
        return (
            f"port {port} of {host} is in use by another program (perhaps by another chatsite). "
            f"Stop it, or use another port: PORT={other_port} script/server"
        )
    if error.errno == errno.EACCES:
        return f"PORT is {port}, which this user may not listen on: use 1024 or higher"
    return f"HOST is {host!r}, which is not an address of this machine ({error.strerror or error})"


def run_checks(**options: Any) -> None:
    """Runs the system checks and prints their messages. Exits if one is an error."""
    messages = checks.run_checks(**options)
    for message in messages:
        print(message, file=sys.stderr)  # noqa: T201
    if any(message.is_serious() for message in messages):
        sys.exit("chatsite cannot start: see above")


def check_database() -> None:
    """Exits with a message if the database cannot be used."""
    leave_pool()
    try:
        connection.ensure_connection()
        encoding = server_encoding()
    except Error as error:
        sys.exit(f"chatsite cannot start: the database cannot be used: {' '.join(str(error).split())}")
    if encoding != "UTF8":
        sys.exit(
            f"chatsite cannot start: the database stores text as {encoding}, which cannot represent every language. "
            "Create another one: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
        )


def server_encoding() -> str:
    if connection.vendor != "postgresql":
        return "UTF8"
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_encoding")
        return str(cursor.fetchone()[0])


def migrate() -> None:
    """Applies new migrations. Looking for them takes 0.1 s, the command migrate 1 s."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        print_progress("Bringing the database up to date")
        call_command("migrate", interactive=False, verbosity=0)
    connection.close()


def collect_static_files() -> None:
    """Hashes and compresses the static files into STATIC_ROOT, unless their sources are unchanged since the last time.

    Clears STATIC_ROOT, because collectstatic would keep a file if its source was replaced by an older one.
    """
    fingerprint = hashlib.sha256("\n".join(sorted(static_sources())).encode()).hexdigest()
    fingerprint_file = settings.STATIC_ROOT / "sources.sha256"
    if fingerprint_file.exists() and fingerprint_file.read_text() == fingerprint:
        return
    print_progress("Collecting the static files")
    call_command("collectstatic", clear=True, interactive=False, verbosity=0)
    fingerprint_file.write_text(fingerprint)


def static_sources() -> Iterator[str]:
    """Yields a line for each static file, which changes when the file changes."""
    from django.contrib.staticfiles.finders import get_finders

    for finder in get_finders():
        for name, storage in finder.list([]):
            path = storage.path(name)
            stat = os.stat(path)
            yield f"{name} {path} {stat.st_mtime_ns} {stat.st_size}"


def print_progress(line: str) -> None:
    print(line, flush=True)  # noqa: T201
