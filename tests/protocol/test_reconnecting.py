"""A run does not need a connection, and a client that disconnects and comes back misses nothing."""

from __future__ import annotations

import pytest

from tests.modelserver import Gate, answer, cut, model_server, settled, text, thinking
from tests.protocol.talk import delay_read, gated_answer, run_notifications, talk
from tests.site import running_site

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_run_finishes_while_nobody_is_connected() -> None:
    gate = Gate()
    async with model_server(gated_answer(gate)) as model, running_site(model) as site:
        async with site.client() as ada:
            sent = await ada.call("message.send", text="Hi")
            await ada.until("process_step", type="text")
        gate.open()
        await settled(model.requests[0].answered)
        async with site.client() as back:
            where = {"conversation_id": sent["conversation_id"]}
            await back.call("conversation.subscribe", **where, run_id=sent["run_id"])
            end = await back.ended(sent["run_id"])
            assert (end["method"], end["params"]["status"]) == ("done", "complete")
            assert back.steps(sent["run_id"])[0]["content"] == "Hello"
            messages = (await back.call("conversation.get", **where))["messages"]
            assert [m["content"]["text"] for m in messages] == ["Hi", "Hello"]


async def test_a_client_that_reconnects_during_a_run_gets_every_step() -> None:
    gate = Gate()
    async with model_server(gated_answer(gate, thinking("Well"))) as model, running_site(model) as site:
        async with site.client() as ada:
            sent = await ada.call("message.send", text="Hi")
            await ada.until("process_step", type="text")
        async with site.client() as back:
            got = await back.call("conversation.get", conversation_id=sent["conversation_id"])
            assert got["run"]["id"] == sent["run_id"]
            streaming = got["messages"][-1]
            assert streaming["status"] == "streaming"
            assert [s["content"] for s in streaming["content"]["steps"]] == ["Well", "Hel"]
            assert streaming["content"]["text"] == "Hel"
            await back.call("conversation.subscribe", conversation_id=sent["conversation_id"], run_id=sent["run_id"])
            gate.open()
            await back.ended(sent["run_id"])
            assert [s["content"] for s in back.steps(sent["run_id"])] == ["Well", "Hello"]


async def test_a_client_that_reconnects_after_the_end_gets_the_run_once() -> None:
    async with talk(answer("Hello", thought="Hm", prompt=4, completion=9)) as t, t.site.client() as back:
        sent = await t.ask("Hi")
        where = {"conversation_id": sent["conversation_id"], "run_id": sent["run_id"]}
        for _ in range(2):
            got = await back.call("conversation.subscribe", **where)
            assert got["run"] is None
        assert await back.ended(sent["run_id"]) == await t.ada.ended(sent["run_id"])
        await back.call("models.list")
        assert run_notifications(back, sent["run_id"]) == ["run_started", "process_step", "process_step", "done"]
        assert back.steps(sent["run_id"]) == t.ada.steps(sent["run_id"])
        assert await back.until("run_started") == await t.ada.until("run_started")


async def test_a_client_that_reconnects_after_a_failure_gets_the_partial_answer_and_the_error() -> None:
    async with talk([text("Hel"), cut()]) as t, t.site.client() as back:
        sent = await t.ask("Hi")
        await back.call("conversation.subscribe", conversation_id=sent["conversation_id"], run_id=sent["run_id"])
        assert await back.ended(sent["run_id"]) == await t.ada.ended(sent["run_id"])
        assert run_notifications(back, sent["run_id"]) == ["run_started", "process_step", "error"]
        assert back.steps(sent["run_id"])[0]["content"] == "Hel"


async def test_an_earlier_run_is_sent_while_another_is_live() -> None:
    gate = Gate()
    async with talk(answer("First"), gated_answer(gate)) as t, t.site.client() as back:
        first = await t.ask("One")
        second = await t.ada.call("message.send", text="Two", conversation_id=first["conversation_id"])
        got = await back.call(
            "conversation.subscribe", conversation_id=first["conversation_id"], run_id=first["run_id"]
        )
        assert got["run"]["id"] == second["run_id"]
        gate.open()
        await back.ended(first["run_id"])
        await back.ended(second["run_id"])
        assert back.steps(first["run_id"])[0]["content"] == "First"
        assert back.steps(second["run_id"])[0]["content"] == "Hello"


async def test_a_client_that_subscribes_at_the_very_end_of_a_run_misses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = Gate()
    async with talk(gated_answer(gate)) as t, t.site.client() as back:
        sent = await t.ada.call("message.send", text="Hi")
        await t.ada.until("process_step", type="text")
        monkeypatch.setattr(t.site.runner.readers, "run", delay_read(t, sent["run_id"], gate))
        got = await back.call("conversation.subscribe", conversation_id=sent["conversation_id"], run_id=sent["run_id"])
        assert got["run"] is None
        assert (await back.ended(sent["run_id"]))["params"]["status"] == "complete"
        assert back.steps(sent["run_id"])[0]["content"] == "Hello"


async def test_conversation_get_at_the_very_end_of_a_run_returns_the_whole_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = Gate()
    async with talk(gated_answer(gate)) as t, t.site.client() as back:
        sent = await t.ada.call("message.send", text="Hi")
        await t.ada.until("process_step", type="text")
        monkeypatch.setattr(t.site.runner.readers, "run", delay_read(t, sent["run_id"], gate))
        got = await back.call("conversation.get", conversation_id=sent["conversation_id"])
        assert (got["run"], got["conversation"]["run_id"]) == (None, None)
        assert got["messages"][-1]["status"] == "complete"
        assert got["messages"][-1]["content"]["text"] == "Hello"
