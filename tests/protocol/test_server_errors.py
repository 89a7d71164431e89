"""A failure of the server is reported without its details, and the connection stays open."""

from __future__ import annotations

import json
from typing import Any

import pytest
import websockets
from asgiref.sync import sync_to_async

from conversations import store
from conversations.models import Run, Step
from conversations.runner import run_task
from conversations.websocket.methods import METHODS
from tests.data.rows import store_question
from tests.modelserver import MODEL, answer, hang, text
from tests.protocol.talk import talk

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "/var/secret/path"


async def failing_method(*_: Any) -> None:
    raise RuntimeError(SECRET)


async def test_a_method_that_raises_returns_an_internal_error_and_the_connection_stays_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(METHODS, "models.list", (METHODS["models.list"][0], failing_method))
    async with talk(answer("")) as t:
        # Not the tests' client, whose contract has no -32603
        headers = {"Authorization": f"Bearer {await t.site.token()}"}
        async with websockets.connect(t.site.ws_url, additional_headers=headers, proxy=None) as socket:
            await socket.recv()
            for method in ("models.list", "tools.list"):
                await socket.send(json.dumps({"jsonrpc": "2.0", "id": method, "method": method}))
            failed, next_response = json.loads(await socket.recv()), json.loads(await socket.recv())
        error = {"code": -32603, "message": "Internal error"}
        assert failed == {"jsonrpc": "2.0", "id": "models.list", "error": error}
        assert next_response["id"] == "tools.list"
        assert "result" in next_response


async def test_a_run_that_raises_ends_with_an_internal_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async with talk(answer("Fine")) as t:
        with monkeypatch.context() as patch:
            patch.setattr(run_task.RunTask, "_executor", failing_executor)
            sent = await t.ask("Hi")
        end = await t.ada.ended(sent["run_id"])
        assert (end["method"], end["params"]["code"]) == ("error", "internal")
        assert SECRET not in json.dumps(t.ada.frames)
        await t.ask("Again", conversation_id=sent["conversation_id"])


def failing_executor(*_: Any) -> Any:
    raise RuntimeError(SECRET)


async def test_a_run_that_cannot_be_stored_ends_with_an_internal_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async with talk([text("Hel"), hang()]) as t:
        monkeypatch.setattr(store, "save_progress", failing_operation)
        sent = await t.ask("Hi")
        end = await t.ada.ended(sent["run_id"])
        assert (end["method"], end["params"]["code"]) == ("error", "internal")
        [_, message] = await t.messages(sent["conversation_id"])
        assert (message["status"], message["content"]["text"]) == ("failed", "Hel")


def failing_operation(*_: Any, **__: Any) -> Any:
    raise ValueError(SECRET)


async def test_a_run_whose_server_crashed_too_often_ends_as_interrupted() -> None:
    stored = await sync_to_async(store_question)("Tell me", owner="a process that died", model=MODEL)
    await Run.objects.filter(pk=stored.run.pk).aupdate(attempt=3, crashes=2)
    await Step.objects.acreate(message=stored.message, index=0, type="text", content="Once ", size=5, iteration=1)
    async with talk(answer("no"), RUN_MAX_ATTEMPTS=3) as t:
        where, run_id = str(stored.conversation.pk), str(stored.run.pk)
        await t.ada.call("conversation.subscribe", conversation_id=where, run_id=run_id)
        end = await t.ada.ended(run_id)
        assert (end["method"], end["params"]["code"]) == ("error", "interrupted")
        assert (await t.messages(where))[-1]["status"] == "failed"
