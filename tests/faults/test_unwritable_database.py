"""While SQLite is locked by another program or the disk is full, runs continue; they are stored afterwards."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.client import CallError, Client
from tests.faults.deployment import Deployment
from tests.faults.points import ANSWER, FINAL, ScriptedModel, write
from tests.faults.process import ServerProcess
from tests.faults.waiting import until
from tests.modelserver import Gate, answer, calls, done, finish, model_server, pause, text, usage, wait_for

pytestmark = pytest.mark.faults

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit another process")
Fault = Callable[[Deployment, ServerProcess], Any]

STRINGS = [f"word {number} " for number in range(30)]


@contextmanager
def locked(deployment: Deployment, server: ServerProcess) -> Iterator[None]:
    """Locks the database as another program that is writing."""
    other = sqlite3.connect(deployment.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.close()


@contextmanager
def full(deployment: Deployment, server: ServerProcess) -> Iterator[None]:
    """Limits the size of all files to the current size of the database journal."""
    journal = deployment.database.with_name(f"{deployment.database.name}-wal")
    _, hard_limit = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (journal.stat().st_size, hard_limit))
    yield
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (hard_limit, hard_limit))


async def assert_unavailable(client: Client, **question: str) -> None:
    """Asserts that the question is refused as `unavailable`."""
    with pytest.raises(CallError) as error:
        await client.call("message.send", **question)
    assert error.value.data["code"] == "unavailable"


async def send_until_accepted(ada: Client, **params: Any) -> dict[str, Any]:
    """Sends the question with the same request_id until it is accepted."""
    for _ in range(5):
        try:
            return await ada.call("message.send", **params)
        except CallError as error:
            if error.data["code"] != "unavailable":
                raise
    raise AssertionError("it was never accepted")


@pytest.mark.parametrize("fault", [locked, pytest.param(full, marks=on_linux)])
async def test_nothing_is_lost_and_no_tool_with_effects_starts(deployment: Deployment, fault: Fault) -> None:
    fault_begun, may_end = Gate(), Gate()
    slow_reply = [part for word in STRINGS for part in (text(word), pause(0.1))]
    script = ScriptedModel(
        {
            "Slowly": [[*slow_reply, wait_for(may_end), finish(), usage(), done()]],
            "Write": [[wait_for(fault_begun), *calls(write("a.txt"))], ANSWER],
            "Again": [answer(FINAL)],
        }
    )
    async with model_server(script) as model, deployment.server(model, FAULTS_WRITE_TIMEOUT="1") as server:
        await server.start()
        effects = server.var_dir / "effects"
        async with deployment.client(server) as ada:
            slow = await ada.call("message.send", text="Slowly")
            writing = await ada.call("message.send", text="Write")
            await ada.until("process_step", run_id=slow["run_id"])
            with fault(deployment, server):
                fault_begun.open()
                length = len(ada.steps(slow["run_id"])[0]["content"])
                await assert_unavailable(ada, text="Again", request_id="again")
                await until(lambda: len(ada.steps(slow["run_id"])[0]["content"]) > length, "the run continues")
                assert ada.steps(writing["run_id"])[0]["status"] == "streaming"
                assert not effects.exists()
                assert not ada.received("done")
            may_end.open()
            again = await send_until_accepted(ada, text="Again", request_id="again")
            for sent in (slow, writing, again):
                assert (await ada.ended(sent["run_id"]))["params"]["status"] == "complete"
            stored = deployment.stored
            assert stored.steps(slow["run_id"]) == [("text", "".join(STRINGS))]
            assert stored.steps(again["run_id"]) == [("text", FINAL)]
            assert effects.read_text().split() == ["a.txt"]
            assert sorted(stored.questions()) == ["Again", "Slowly", "Write"]


async def test_a_question_waits_briefly_for_the_database(deployment: Deployment) -> None:
    script = ScriptedModel({"Wait": [answer(FINAL)]})
    async with model_server(script) as model, deployment.server(model) as server:
        await server.start()
        async with deployment.client(server) as ada:
            with locked(deployment, server):
                asking = asyncio.create_task(ada.call("message.send", text="Wait"))
                await asyncio.wait([asking], timeout=0.5)
                assert not asking.done()
            sent = await asking
            assert (await ada.ended(sent["run_id"]))["params"]["status"] == "complete"
