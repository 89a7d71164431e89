"""A stop ends in a known time, whatever the database does; what could not be written is taken up when it is back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.client import CallError, connected
from tests.faults.deployment import Deployment
from tests.faults.points import Script
from tests.faults.process import manage
from tests.faults.serving import DAPHNE, Program
from tests.faults.waiting import SOON
from tests.faults.watcher import Watcher
from tests.modelserver import answer, hang, model_server, text
from tests.postgres import PostgresServer, missing_for_postgres

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(missing_for_postgres() is not None, reason=str(missing_for_postgres())),
]

GRACE = 1.0
BEYOND = 15.0 + SOON
"""Seconds that a stop takes at most beyond its grace, as docs/durability.md says, on a slow machine."""


@contextmanager
def gone(postgres: PostgresServer) -> Iterator[None]:
    postgres.kill()
    yield
    postgres.start()


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
def token(postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    with monkeypatch.context() as place:
        place.setenv("DATABASE_URL", postgres.url)
        manage(tmp_path, "migrate", "--verbosity", "0")
        [token] = manage(tmp_path, "create_token", "ada", "--create")
    return token


@pytest.mark.parametrize("trouble", [gone, PostgresServer.frozen])
async def test_it_ends_in_time_and_the_next_start_goes_on(
    deployment: Deployment,
    postgres: PostgresServer,
    token: str,
    trouble: Callable[[PostgresServer], AbstractContextManager[None]],
) -> None:
    script = Script({"Tell me": [[text("Here is"), hang()], answer("Here is all")]})
    settings = {"DATABASE_URL": postgres.url, "SHUTDOWN_GRACE": f"{GRACE}"}
    async with model_server(script) as model, Program(deployment, DAPHNE, model, **settings) as server:
        await server.start()
        async with connected(server.url, token) as ada:
            sent = await ada.call("message.send", text="Tell me")
            watcher = Watcher(server, token, sent)
            await ada.until("process_step")
            with trouble(postgres):
                told_at = time.monotonic()
                server.terminate()
                assert await ada.closed() == 4012
                assert not ada.received("done")
                assert not ada.received("error")
                assert await server.ended() == 0
                took = time.monotonic() - told_at
                print(f"ended {took:.1f} s after the signal")  # noqa: T201
                assert GRACE <= took < GRACE + BEYOND
        await server.start()
        await watcher.ended()
        assert [step["content"] for step in watcher.steps] == ["Here is all"]


async def test_a_question_that_waits_for_it_is_refused(
    deployment: Deployment, postgres: PostgresServer, token: str
) -> None:
    async with model_server(answer("no")) as model:
        settings = {"DATABASE_URL": postgres.url, "SHUTDOWN_GRACE": f"{GRACE}"}
        async with Program(deployment, DAPHNE, model, **settings) as server:
            await server.start()
            async with connected(server.url, token) as ada:
                await ada.call("models.list")
                with gone(postgres):
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
