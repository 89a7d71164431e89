"""Daphne without the lifespan protocol and uvicorn with it shut down in the same way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.faults.deployment import Deployment
from tests.faults.points import ScriptedModel
from tests.faults.process import ServerProcess
from tests.faults.server_commands import DAPHNE, UVICORN, Command, CommandServer
from tests.faults.stored import StoredRun
from tests.modelserver import Gate, answer, done, finish, hang, model_server, text, usage, wait_for

pytestmark = pytest.mark.faults


@dataclass(frozen=True)
class AsgiServer:
    """Its command, its WebSocket close code, and its exit code for each signal."""

    command: Command
    close_code: int
    exit_codes: dict[str, int]


ASGI_SERVERS = {
    "Daphne": AsgiServer(DAPHNE, 4012, {"terminate": 0, "interrupt": 0}),
    "uvicorn": AsgiServer(UVICORN, 1012, {"terminate": -15, "interrupt": 0}),
}


@pytest.mark.parametrize("send_signal", [ServerProcess.terminate, ServerProcess.interrupt], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("kind", ASGI_SERVERS.values(), ids=ASGI_SERVERS)
async def test_short_runs_complete_and_long_runs_continue_after_the_restart(
    deployment: Deployment, kind: AsgiServer, send_signal: Callable[[ServerProcess], None]
) -> None:
    gate = Gate()
    short = [text("It is "), wait_for(gate), text("short"), finish(), usage(), done()]
    script = ScriptedModel({"Short": [short], "Long": [[text("It is "), hang()], answer("It is long")]})
    async with (
        model_server(script) as model,
        CommandServer(deployment, kind.command, model, SHUTDOWN_GRACE="3") as server,
    ):
        await server.start()
        async with deployment.client(server) as ada:
            sent = {name: await ada.call("message.send", text=name) for name in ("Short", "Long")}
            watchers = [deployment.watch(server, each) for each in sent.values()]
            for each in sent.values():
                await ada.until("process_step", run_id=each["run_id"])
            send_signal(server)
            gate.open()
            assert await ada.closed() == kind.close_code
        assert await server.ended() == kind.exit_codes[send_signal.__name__]
        stored = deployment.stored.runs()
        assert stored[sent["Short"]["run_id"]].status == "complete"
        assert stored[sent["Long"]["run_id"]] == StoredRun("running", None, 1)
        await server.start()
        for watcher in watchers:
            await watcher.ended()
        assert [step["content"] for watcher in watchers for step in watcher.steps] == ["It is short", "It is long"]
