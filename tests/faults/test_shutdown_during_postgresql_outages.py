"""A shutdown takes a bounded time whatever the database does, and runs continue when it is back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.client import CallError, connected
from tests.faults.deployment import Deployment
from tests.faults.points import ScriptedModel
from tests.faults.process import manage
from tests.faults.server_commands import DAPHNE, CommandServer
from tests.faults.waiting import MAX_DELAY
from tests.faults.watcher import Watcher
from tests.modelserver import answer, hang, model_server, text
from tests.postgres import PostgresServer, missing_for_postgres

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(missing_for_postgres() is not None, reason=str(missing_for_postgres())),
]

GRACE_PERIOD = 1.0
MAX_EXTRA_TIME = 15.0 + MAX_DELAY
"""Seconds that a shutdown may take beyond its grace period, as docs/durability.md says, on a slow machine."""


@contextmanager
def killed(postgres: PostgresServer) -> Iterator[None]:
    postgres.kill()
    yield
    postgres.start()


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
def token(postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    with monkeypatch.context() as patch:
        patch.setenv("DATABASE_URL", postgres.url)
        manage(tmp_path, "migrate", "--verbosity", "0")
        [token] = manage(tmp_path, "create_token", "ada", "--create")
    return token


@pytest.mark.parametrize("outage", [killed, PostgresServer.frozen])
async def test_the_server_ends_in_time_and_the_run_continues_after_the_restart(
    deployment: Deployment,
    postgres: PostgresServer,
    token: str,
    outage: Callable[[PostgresServer], AbstractContextManager[None]],
) -> None:
    script = ScriptedModel({"Tell me": [[text("Here is"), hang()], answer("Here is all")]})
    settings = {"DATABASE_URL": postgres.url, "SHUTDOWN_GRACE": f"{GRACE_PERIOD}"}
    async with model_server(script) as model, CommandServer(deployment, DAPHNE, model, **settings) as server:
        await server.start()
        async with connected(server.url, token) as ada:
            sent = await ada.call("message.send", text="Tell me")
            watcher = Watcher(server, token, sent)
            await ada.until("process_step")
            with outage(postgres):
                signaled_at = time.monotonic()
                server.terminate()
                assert await ada.closed() == 4012
                assert not ada.received("done")
                assert not ada.received("error")
                assert await server.ended() == 0
                took = time.monotonic() - signaled_at
                print(f"ended {took:.1f} s after the signal")  # noqa: T201
                assert GRACE_PERIOD <= took < GRACE_PERIOD + MAX_EXTRA_TIME
        await server.start()
        await watcher.ended()
        assert [step["content"] for step in watcher.steps] == ["Here is all"]


async def test_a_question_that_waits_for_the_database_is_refused(
    deployment: Deployment, postgres: PostgresServer, token: str
) -> None:
    async with model_server(answer("no")) as model:
        settings = {"DATABASE_URL": postgres.url, "SHUTDOWN_GRACE": f"{GRACE_PERIOD}"}
        async with CommandServer(deployment, DAPHNE, model, **settings) as server:
            await server.start()
            async with connected(server.url, token) as ada:
                await ada.call("models.list")
                with killed(postgres):
                    async with connected(server.url, token) as late:
                        assert await late.closed() == 4012
                    asking = asyncio.create_task(ada.call("message.send", text="Tell me"))
                    await asyncio.sleep(0.2)
                    await (await ada.connection.ping())  # the server has the question
                    server.terminate()
                    with pytest.raises(CallError) as refused:
                        await asking
                    assert refused.value.data["code"] == "unavailable"
                    assert await ada.closed() == 4012
                    assert await server.ended() == 0
