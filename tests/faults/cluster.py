"""A deployment of several processes: PostgreSQL, Redis, one shared VAR_DIR, and no sticky sessions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.client import Client, connected
from tests.faults.deployment import BASE_SETTINGS, USERNAMES
from tests.faults.process import ServerProcess, manage
from tests.faults.stored import PostgresReader, Stored
from tests.faults.watcher import Watcher
from tests.modelserver import MODEL, ModelServer
from tests.postgres import PostgresServer
from tests.redis import RedisServer

TEMPLATE = "template_chatsite"
HEARTBEAT = float(BASE_SETTINGS["RUN_HEARTBEAT"])


@dataclass(frozen=True)
class PostgresTemplate:
    """A migrated database from which others are created, and the API tokens of its users."""

    server: PostgresServer
    tokens: dict[str, str]

    @classmethod
    def create(cls, server: PostgresServer, folder: Path) -> PostgresTemplate:
        _create(server, TEMPLATE, "template0")
        location = {"DATABASE_URL": server.url_of(TEMPLATE)}
        manage(folder, "migrate", "--verbosity", "0", **location)
        return cls(
            server,
            dict(zip(USERNAMES, manage(folder, "create_token", *USERNAMES, "--create", **location), strict=True)),
        )


class Cluster:
    """Created by `with new_cluster(...) as cluster`. The test starts its processes."""

    def __init__(self, folder: Path, template: PostgresTemplate, redis: RedisServer, database: str) -> None:
        self.folder = folder
        self.postgres, self.redis = template.server, redis
        self._url = template.server.url_of(database)
        self._reader = PostgresReader(self._url)
        self.stored = Stored(self._reader)
        self._tokens = template.tokens
        self._numbers = itertools.count(1)
        self.var_dir = folder / "var"
        self.var_dir.mkdir()

    @property
    def effects(self) -> list[str]:
        """The paths that tools have written, one for each write."""
        effects_file = self.var_dir / "effects"
        return effects_file.read_text().split() if effects_file.exists() else []

    def server(self, model: ModelServer, **settings: str) -> ServerProcess:
        """Returns another process, which is not started yet. `settings` override those of the tests."""
        folder = self.folder / f"process-{next(self._numbers)}"
        folder.mkdir()
        location = {
            "VAR_DIR": str(self.var_dir),
            "DATABASE_URL": self._url,
            "REDIS_URL": self.redis.url,
            "LLM_BASE_URL": model.base_url,
            "LLM_MODEL": MODEL,
        }
        return ServerProcess(folder, BASE_SETTINGS | location | settings)

    def token(self, username: str) -> str:
        return self._tokens[username]

    def client(
        self, server: ServerProcess, username: str = "ada", **options: Any
    ) -> AbstractAsyncContextManager[Client]:
        return connected(server.url, self._tokens[username], **options)

    def watch(self, server: ServerProcess, sent: dict[str, Any], *others: ServerProcess) -> Watcher:
        """Follows the run that message.send has started on `server`, and on `others` when it loses the connection."""
        return Watcher(server, self._tokens["ada"], sent, *others)

    def close(self) -> None:
        self._reader.close()


_databases = itertools.count(1)


@contextmanager
def new_cluster(folder: Path, template: PostgresTemplate, redis: RedisServer) -> Iterator[Cluster]:
    """Creates a cluster with a database of its own."""
    database = f"faults_{next(_databases)}"
    _create(template.server, database, TEMPLATE)
    cluster = Cluster(folder, template, redis, database)
    try:
        yield cluster
    finally:
        cluster.close()


def _create(server: PostgresServer, name: str, template: str) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
