"""When the server itself fails, the client is told so and nothing of how; the connection goes on."""

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
from tests.data.rows import asked
from tests.modelserver import MODEL, answer, hang, text
from tests.protocol.talk import talk

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "/var/secret/path"


async def broken(*_: Any) -> None:
    raise RuntimeError(SECRET)


async def test_a_method_that_fails_is_an_internal_error_and_the_connection_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(METHODS, "models.list", (METHODS["models.list"][0], broken))
    async with talk(answer("")) as t:
        headers = {"Authorization": f"Bearer {await t.site.token()}"}
        async with websockets.connect(t.site.ws_url, additional_headers=headers, proxy=None) as bare:
            await bare.recv()
            for method in ("models.list", "tools.list"):
                await bare.send(json.dumps({"jsonrpc": "2.0", "id": method, "method": method}))
            failed, went_on = json.loads(await bare.recv()), json.loads(await bare.recv())
        error = {"code": -32603, "message": "Internal error"}
        assert failed == {"jsonrpc": "2.0", "id": "models.list", "error": error}
        assert went_on["id"] == "tools.list"
        assert "result" in went_on


async def test_a_run_that_fails_ends_in_an_internal_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async with talk(answer("Fine")) as t:
        with monkeypatch.context() as breaking:
            breaking.setattr(run_task.RunTask, "_executor", broken_executor)
            sent = await t.ask("Hi")
        end = await t.ada.ended(sent["run_id"])
        assert (end["method"], end["params"]["code"]) == ("error", "internal")
        assert SECRET not in json.dumps(t.ada.frames)
        await t.ask("Again", conversation_id=sent["conversation_id"])


def broken_executor(*_: Any) -> Any:
    raise RuntimeError(SECRET)


async def test_an_answer_that_cannot_be_stored_ends_in_an_internal_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async with talk([text("Hel"), hang()]) as t:
        monkeypatch.setattr(store, "save_progress", broken_operation)
        sent = await t.ask("Hi")
        end = await t.ada.ended(sent["run_id"])
        assert (end["method"], end["params"]["code"]) == ("error", "internal")
        [_, message] = await t.messages(sent["conversation_id"])
        assert (message["status"], message["content"]["text"]) == ("failed", "Hel")


def broken_operation(*_: Any, **__: Any) -> Any:
    raise ValueError(SECRET)


async def test_a_run_that_the_servers_end_cut_too_often_is_interrupted() -> None:
    cut = await sync_to_async(asked)("Tell me", owner="a process that died", model=MODEL)
    await Run.objects.filter(pk=cut.run.pk).aupdate(attempt=3, crashes=2)
    await Step.objects.acreate(message=cut.message, index=0, type="text", content="Once ", size=5, iteration=1)
    async with talk(answer("no"), RUN_MAX_ATTEMPTS=3) as t:
        where, run_id = str(cut.conversation.pk), str(cut.run.pk)
        await t.ada.call("conversation.subscribe", conversation_id=where, run_id=run_id)
        end = await t.ada.ended(run_id)
        assert (end["method"], end["params"]["code"]) == ("error", "interrupted")
        assert (await t.messages(where))[-1]["status"] == "failed"
