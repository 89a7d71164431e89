"""`manage.py runserver` reloads when a Python file changes, and the runs in progress continue."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.faults.deployment import Deployment
from tests.faults.points import ScriptedModel
from tests.faults.process import PROJECT
from tests.faults.server_commands import RUNSERVER, CommandServer
from tests.faults.waiting import until
from tests.modelserver import answer, hang, model_server, settled, text

pytestmark = pytest.mark.faults

SETTINGS = "from chatsite.settings import *\n"


def touch(file: Path) -> None:
    later = time.time() + 10
    os.utime(file, (later, later))


async def test_a_reload_hands_over_the_runs_and_the_next_process_continues_them(
    deployment: Deployment, tmp_path: Path
) -> None:
    watched = tmp_path / "settings_that_change.py"
    watched.write_text(SETTINGS)
    development = {
        "DEBUG": "true",
        "DJANGO_SETTINGS_MODULE": watched.stem,
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{PROJECT}",
        "SHUTDOWN_GRACE": "60",  # a reload does not wait for it
        "RUN_MAX_ATTEMPTS": "1",
    }
    script = ScriptedModel({"Tell me": [[text("Here is"), hang()], answer("Here is all")]})
    async with model_server(script) as model, CommandServer(deployment, RUNSERVER, model, **development) as server:
        await server.start()
        async with deployment.client(server) as ada:
            sent = await ada.call("message.send", text="Tell me")
            watcher = deployment.watch(server, sent)
            await ada.until("process_step")
            await until(lambda: "Watching for file changes" in server.log, "files are watched")
            touch(watched)
            assert await ada.closed() == 4012
        await settled(model.arrival(2))
        await watcher.ended()
        assert [step["content"] for step in watcher.steps] == ["Here is all"]
        run = deployment.stored.runs()[sent["run_id"]]
        assert (run.status, run.attempt) == ("complete", 2)
        server.kill()
