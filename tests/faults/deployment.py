"""A deployment on SQLite: a database with users, and one server or several on it."""

from __future__ import annotations

import shutil
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.client import Client, connected
from tests.faults.process import ServerProcess, manage
from tests.faults.stored import SqliteReader, Stored
from tests.faults.watcher import Watcher
from tests.modelserver import MODEL, ModelServer

USERNAMES = ("ada", "bob")
DATABASE = "chatsite.sqlite3"
BASE_SETTINGS = {
    "RUN_HEARTBEAT": "2",
    "SHUTDOWN_GRACE": "1",
    "RUN_MAX_ATTEMPTS": "10",
    "LLM_RETRIES": "0",
    "LIMIT_RUNS_PER_USER": "100",
    "LIMIT_CONNECTIONS_PER_USER": "300",
}


@dataclass(frozen=True)
class Template:
    """A folder with a migrated database, and the API tokens of its users."""

    folder: Path
    tokens: dict[str, str]

    @classmethod
    def create(cls, folder: Path) -> Template:
        manage(folder, "migrate", "--verbosity", "0")
        return cls(folder, dict(zip(USERNAMES, manage(folder, "create_token", *USERNAMES, "--create"), strict=True)))


class Deployment:
    def __init__(self, folder: Path, template: Template) -> None:
        self.folder = folder
        self.database = folder / DATABASE
        self.stored = Stored(SqliteReader(self.database))
        self._tokens = template.tokens
        self._servers = 0
        shutil.copy(template.folder / DATABASE, self.database)

    def server(self, model: ModelServer, **settings: str) -> ServerProcess:
        """Returns a server with a VAR_DIR of its own, not started yet. `settings` override those of the tests."""
        self._servers += 1
        var_dir = self.folder / f"server-{self._servers}"
        var_dir.mkdir()
        location = {"DATABASE_URL": f"sqlite:///{self.database}", "LLM_BASE_URL": model.base_url, "LLM_MODEL": MODEL}
        return ServerProcess(var_dir, BASE_SETTINGS | location | settings)

    def token(self, username: str) -> str:
        return self._tokens[username]

    def client(
        self, server: ServerProcess, username: str = "ada", **options: Any
    ) -> AbstractAsyncContextManager[Client]:
        return connected(server.url, self._tokens[username], **options)

    def watch(self, server: ServerProcess, sent: dict[str, Any]) -> Watcher:
        """Follows the run that message.send has started, across restarts of the server."""
        return Watcher(server, self._tokens["ada"], sent)
