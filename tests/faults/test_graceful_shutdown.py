"""On SIGTERM and SIGINT short runs complete, the others are handed over, and all clients are disconnected with 4012."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.client import CallError, Client
from tests.faults.deployment import Deployment
from tests.faults.points import FINAL, ScriptedModel
from tests.faults.process import ServerProcess
from tests.faults.stored import StoredRun
from tests.faults.waiting import LONG_LEASE, MAX_DELAY
from tests.modelserver import Gate, answer, done, finish, hang, model_server, text, usage, wait_for

pytestmark = pytest.mark.faults

GRACE_PERIOD = 1.5


async def refusal_code(client: Client, conversation_id: str) -> str:
    """Returns the error code of a further question in a conversation with a live run."""
    with pytest.raises(CallError) as error:
        await client.call("message.send", text="And this?", conversation_id=conversation_id)
    code: str = error.value.data["code"]
    return code


@pytest.mark.parametrize("send_signal", [ServerProcess.terminate, ServerProcess.interrupt], ids=["SIGTERM", "SIGINT"])
async def test_a_run_within_the_grace_period_completes_and_a_longer_one_continues_after_the_restart(
    deployment: Deployment, send_signal: Callable[[ServerProcess], None]
) -> None:
    gate = Gate()
    short = [text("It is "), wait_for(gate), text("short"), finish(), usage(), done()]
    script = ScriptedModel({"Short": [short], "Long": [[text("It is "), hang()], answer("It is long")]})
    async with (
        model_server(script) as model,
        deployment.server(model, SHUTDOWN_GRACE=f"{GRACE_PERIOD}", **LONG_LEASE) as server,
    ):
        await server.start()
        async with deployment.client(server) as ada:
            sent = {name: await ada.call("message.send", text=name) for name in ("Short", "Long")}
            short_run, long_run = sent["Short"]["run_id"], sent["Long"]["run_id"]
            watcher = deployment.watch(server, sent["Long"])
            for run_id in (short_run, long_run):
                await ada.until("process_step", run_id=run_id)
            send_signal(server)
            signaled_at = time.monotonic()
            while await refusal_code(ada, sent["Short"]["conversation_id"]) != "unavailable":
                pass  # until the signal has arrived
            async with deployment.client(server) as late:
                await late.call("conversation.subscribe", conversation_id=sent["Long"]["conversation_id"])
                assert (await late.until("process_step", run_id=long_run))["content"] == "It is "
                gate.open()
                assert (await ada.ended(short_run))["params"]["status"] == "complete"
                assert await late.closed() == await ada.closed() == 4012
            assert [step["content"] for step in ada.steps(short_run)] == ["It is short"]
            assert [step["content"] for step in ada.steps(long_run)] == ["It is "]
        assert await server.ended() == 0
        assert GRACE_PERIOD <= time.monotonic() - signaled_at < GRACE_PERIOD + MAX_DELAY
        assert deployment.stored.runs()[long_run] == StoredRun("running", None, 1)
        restarted_at = await server.start()
        await watcher.ended()
        assert watcher.close_codes[0] == 4012
        assert [step["content"] for step in watcher.steps] == ["It is long"]
        assert watcher.ended_at - restarted_at < MAX_DELAY
        ledger = [(entry.attempt, entry.iteration, entry.estimated) for entry in deployment.stored.ledger(long_run)]
        assert ledger == [(1, 1, True), (2, 1, False)]


async def test_a_second_signal_ends_the_server_at_once_and_loses_nothing(deployment: Deployment) -> None:
    script = ScriptedModel({"Tell me": [[text("Here is"), hang()], answer(FINAL)]})
    async with model_server(script) as model, deployment.server(model, SHUTDOWN_GRACE="60") as server:
        await server.start()
        async with deployment.client(server) as ada:
            sent = await ada.call("message.send", text="Tell me")
            watcher = deployment.watch(server, sent)
            await ada.until("process_step")
            server.terminate()
            while await refusal_code(ada, sent["conversation_id"]) != "unavailable":
                pass
            server.terminate()
            signaled_at = time.monotonic()
            await ada.closed()
        await server.ended()
        assert time.monotonic() - signaled_at < MAX_DELAY
        await server.start()
        await watcher.ended()
    assert [step["content"] for step in watcher.steps] == [FINAL]
