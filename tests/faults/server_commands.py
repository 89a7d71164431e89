"""Servers started by their own commands: daphne, uvicorn and runserver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from tests.faults.deployment import BASE_SETTINGS, Deployment
from tests.faults.process import PROJECT, ServerProcess
from tests.modelserver import MODEL, ModelServer

Command = Sequence[str]
"""Arguments for Python, with {port} as a placeholder."""
DAPHNE: Command = ("-m", "daphne", "-b", "127.0.0.1", "-p", "{port}", "-v", "0", "chatsite.asgi:application")
UVICORN: Command = ("-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}", "chatsite.asgi:application")
RUNSERVER: Command = ("manage.py", "runserver", "127.0.0.1:{port}")


class CommandServer(ServerProcess):
    """Runs Python with these arguments, on the database of the deployment unless a setting overrides it."""

    def __init__(self, deployment: Deployment, command: Command, model: ModelServer, **settings: str) -> None:
        folder = deployment.folder / f"program-{len(list(deployment.folder.glob('program-*')))}"
        folder.mkdir()
        location = {
            "DATABASE_URL": f"sqlite:///{deployment.database}",
            "LLM_BASE_URL": model.base_url,
            "LLM_MODEL": MODEL,
        }
        super().__init__(folder, BASE_SETTINGS | location | settings)
        self._command = command

    def kill(self) -> None:
        """Kills it with its child processes."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        super().kill()

    def _launch(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *(part.format(port=self.port) for part in self._command)],
                cwd=PROJECT,
                env=os.environ | self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
