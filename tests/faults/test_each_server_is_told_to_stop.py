"""Daphne has no lifespan protocol and uvicorn has one: both stop in the same way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.faults.deployment import Deployment
from tests.faults.points import Script
from tests.faults.process import ServerProcess
from tests.faults.serving import DAPHNE, UVICORN, Command, Program
from tests.faults.stored import StoredRun
from tests.modelserver import Gate, answer, done, finish, hang, model_server, text, usage, wait_for

pytestmark = pytest.mark.faults


@dataclass(frozen=True)
class Server:
    """How it is started, and with which codes it closes connections and ends."""

    command: Command
    closes_with: int
    ends_with: dict[str, int]


SERVERS = {
    "Daphne": Server(DAPHNE, 4012, {"terminate": 0, "interrupt": 0}),
    "uvicorn": Server(UVICORN, 1012, {"terminate": -15, "interrupt": 0}),
}


@pytest.mark.parametrize("tell", [ServerProcess.terminate, ServerProcess.interrupt], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("kind", SERVERS.values(), ids=SERVERS)
async def test_what_can_end_ends_and_the_rest_goes_on_with_the_next_start(
    deployment: Deployment, kind: Server, tell: Callable[[ServerProcess], None]
) -> None:
    gate = Gate()
    short = [text("It is "), wait_for(gate), text("short"), finish(), usage(), done()]
    script = Script({"Short": [short], "Long": [[text("It is "), hang()], answer("It is long")]})
    async with (
        model_server(script) as model,
        Program(deployment, kind.command, model, SHUTDOWN_GRACE="3") as server,
    ):
        await server.start()
        async with deployment.client(server) as ada:
            sent = {name: await ada.call("message.send", text=name) for name in ("Short", "Long")}
            watchers = [deployment.watch(server, each) for each in sent.values()]
            for each in sent.values():
                await ada.until("process_step", run_id=each["run_id"])
            tell(server)
            gate.open()
            assert await ada.closed() == kind.closes_with
        assert await server.ended() == kind.ends_with[tell.__name__]
        stored = deployment.stored.runs()
        assert stored[sent["Short"]["run_id"]].status == "complete"
        assert stored[sent["Long"]["run_id"]] == StoredRun("running", None, 1)
        await server.start()
        for watcher in watchers:
            await watcher.ended()
        assert [step["content"] for watcher in watchers for step in watcher.steps] == ["It is short", "It is long"]
