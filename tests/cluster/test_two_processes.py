"""Clients see the same and can do the same, whichever process they are connected to."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import connections
from django.utils import timezone

from accounts.models import ApiToken, User
from accounts.sessions import SessionStore
from conversations.models import Run
from tests.client import CallError, Client, connected
from tests.cluster.conftest import PeerSites
from tests.cluster.run_checks import assert_received_once, until_content_is, until_step_is_stored
from tests.faults.waiting import until
from tests.modelserver import Gate, answer, hang, model_server, settled, text, thinking, wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requires_redis]


async def test_a_client_of_the_other_process_can_follow_a_run_from_the_middle(peers: PeerSites) -> None:
    gate = Gate()
    reply = [thinking("Let me see"), text("Once "), wait_for(gate), *answer("upon a time")]
    async with (
        model_server(reply) as model,
        peers.pair(model) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        sent = await here.call("message.send", text="Tell me")
        run_id = sent["run_id"]
        await here.until("process_step", 2, run_id=run_id)
        followed = await there.call("conversation.subscribe", conversation_id=sent["conversation_id"])
        assert followed["run"]["id"] == run_id
        await there.until("process_step", 2, run_id=run_id)
        gate.open()
        assert (await here.ended(run_id))["params"] == (await there.ended(run_id))["params"]
        assert here.steps(run_id) == there.steps(run_id)
        assert [step["content"] for step in there.steps(run_id)] == ["Let me see", "Once upon a time"]


async def test_a_question_on_one_process_reaches_subscribers_of_the_other(peers: PeerSites) -> None:
    async with (
        model_server(answer("Hello")) as model,
        peers.pair(model) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        made = await there.call("conversation.create", title="Ours")
        where = made["conversation"]["id"]
        await here.until("conversation_changed")
        await there.call("conversation.subscribe", conversation_id=where)
        sent = await here.call("message.send", text="Hi", conversation_id=where)
        end = await there.ended(sent["run_id"])
        assert end["method"] == "done"
        methods = [n["method"] for n in there.notifications if n["method"] != "conversation_changed"]
        assert methods[:2] == ["hello", "message_added"]
        assert methods.count("run_started") == 1
        assert [s["content"] for s in there.steps(sent["run_id"])] == ["Hello"]


async def test_a_run_can_be_cancelled_on_the_other_process(peers: PeerSites) -> None:
    async with (
        model_server([text("Once "), hang()]) as model,
        peers.pair(model) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        sent = await here.call("message.send", text="Tell me")
        await here.until("process_step")
        assert await there.call("run.cancel", run_id=sent["run_id"]) == {}
        assert (await here.ended(sent["run_id"]))["params"]["status"] == "cancelled"
        await settled(model.requests[0].abandoned)


async def test_deleting_a_conversation_ends_its_run_on_the_other_process_and_notifies_all_clients(
    peers: PeerSites,
) -> None:
    async with (
        model_server([text("Once "), hang()]) as model,
        peers.pair(model) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        sent = await here.call("message.send", text="Tell me")
        await here.until("process_step")
        await there.call("conversation.subscribe", conversation_id=sent["conversation_id"])
        await there.call("conversation.delete", conversation_id=sent["conversation_id"])
        for client in (here, there):
            assert (await client.ended(sent["run_id"]))["params"]["status"] == "cancelled"
            await client.until("conversation_deleted")
            methods = [n["method"] for n in client.notifications]
            assert methods.index("done") < methods.index("conversation_deleted")
            assert methods.count("conversation_deleted") == 1


async def test_a_run_continues_on_the_other_process_when_its_owner_stops(peers: PeerSites) -> None:
    async with (
        model_server([text("Once "), hang()], answer("Once upon a time")) as model,
        peers.pair(model) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        sent = await here.call("message.send", text="Tell me")
        run_id = sent["run_id"]
        await here.until("process_step")
        await there.call("conversation.subscribe", conversation_id=sent["conversation_id"])
        await there.until("process_step", run_id=run_id)
        await one.runner.stop()
        assert await here.closed() == 4012
        assert (await there.ended(run_id))["method"] == "done"
        assert [step["content"] for step in there.steps(run_id)] == ["Once upon a time"]
        assert len(there.received("run_started", run_id=run_id)) == 1
        assert (await Run.objects.aget()).attempt == 2


async def test_subscribers_of_a_run_that_another_process_claimed_see_it_continue(peers: PeerSites) -> None:
    async with (
        model_server([text("Once "), hang()], answer("Once upon a time")) as model,
        peers.pair(model) as (one, two),
        one.client() as here,
    ):
        sent = await here.call("message.send", text="Tell me")
        run_id = sent["run_id"]
        await here.until("process_step")
        await until_step_is_stored("Once ")
        await Run.objects.aupdate(owner=None)
        await two.runner.claim_expired_runs()
        assert (await here.ended(run_id))["method"] == "done"
        assert [step["content"] for step in here.steps(run_id)] == ["Once upon a time"]


async def test_a_process_does_not_claim_a_run_that_it_is_still_executing(peers: PeerSites) -> None:
    async with (
        model_server([text("Once "), hang()], answer("Once upon a time")) as model,
        peers.pair(model) as (one, _),
        one.client() as here,
    ):
        run_id = (await here.call("message.send", text="Tell me"))["run_id"]
        await here.until("process_step")
        await until_step_is_stored("Once ")
        await Run.objects.aupdate(owner=None)
        await one.runner.claim_expired_runs()
        assert (await here.ended(run_id))["method"] == "done"
        assert [step["content"] for step in here.steps(run_id)] == ["Once upon a time"]


async def test_both_processes_report_the_live_run_after_a_change_on_either(
    peers: PeerSites,
) -> None:
    gate = Gate()
    async with (
        model_server([text("Once "), wait_for(gate), *answer("upon a time")]) as model,
        peers.pair(model) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        sent = await here.call("message.send", text="Tell me")
        where, run_id = sent["conversation_id"], sent["run_id"]
        changed = await there.call("conversation.update", conversation_id=where, title="A tale")
        assert changed["conversation"]["run_id"] == run_id
        listed = await there.call("conversation.list")
        assert [each["run_id"] for each in listed["conversations"]] == [run_id]
        for client in (here, there):
            await until(partial(last_change_is, client, title="A tale", run_id=run_id), "the new title")
        gate.open()
        await here.ended(run_id)
        for client in (here, there):
            await until(partial(last_change_is, client, title="A tale", run_id=None), "no run is live")


def last_change_is(client: Client, **fields: Any) -> bool:
    changes = client.received("conversation_changed")
    return bool(changes) and changes[-1]["conversation"] | fields == changes[-1]["conversation"]


async def test_a_request_sent_to_both_processes_at_once_is_carried_out_once(peers: PeerSites) -> None:
    gate = Gate()
    async with (
        model_server([text("Once "), wait_for(gate), *answer("upon a time")]) as model,
        peers.pair(model) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        sent = await asyncio.gather(
            *(client.call("message.send", text="Tell me", request_id="the same") for client in (here, there))
        )
        assert sent[0] == sent[1]
        gate.open()
        for client in (here, there):
            assert (await client.ended(sent[0]["run_id"]))["method"] == "done"
            assert [step["content"] for step in client.steps(sent[0]["run_id"])] == ["Once upon a time"]
        assert len(model.requests) == 1
        assert await Run.objects.acount() == 1


async def test_a_conversation_has_one_live_run_across_both_processes(peers: PeerSites) -> None:
    async with (
        model_server([text("Once "), hang()]) as model,
        peers.pair(model) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        where = (await here.call("conversation.create", title="Ours"))["conversation"]["id"]
        answers = await asyncio.gather(
            *(c.call("message.send", text="Hi", conversation_id=where) for c in (here, there)), return_exceptions=True
        )
        refused = [answer for answer in answers if isinstance(answer, CallError)]
        assert [error.data["code"] for error in refused] == ["run_active"]
        assert len([answer for answer in answers if isinstance(answer, dict)]) == 1


async def test_a_client_that_joins_on_the_other_process_gets_the_latest_text_and_each_later_delta_once(
    peers: PeerSites,
) -> None:
    first, second = Gate(), Gate()
    reply = [text("Once "), wait_for(first), text("upon "), wait_for(second), *answer("a time")]
    async with (
        model_server(reply) as model,
        peers.pair(model) as (one, two),
        one.client() as here,
        two.client() as before,
        two.client() as there,
    ):
        sent = await here.call("message.send", text="Tell me")
        where, run_id = sent["conversation_id"], sent["run_id"]
        await before.call("conversation.subscribe", conversation_id=where)
        first.open()
        await until_content_is(before, run_id, "Once upon ")
        shown = await there.call("conversation.get", conversation_id=where)
        assert shown["run"]["id"] == run_id
        assert shown["conversation"]["run_id"] == run_id
        assert shown["messages"][-1]["content"]["text"] == "Once upon "
        await there.call("conversation.subscribe", conversation_id=where)
        second.open()
        await there.ended(run_id)
        assert_received_once(there, run_id, "Once upon a time")


async def test_a_revoked_token_and_an_ended_session_close_connections_on_both_processes(peers: PeerSites) -> None:
    async with (
        model_server(answer("Hello")) as model,
        peers.pair(model) as (one, two),
        AsyncExitStack() as stack,
    ):
        user = await one.user()
        session = await asyncio.to_thread(create_session, user)
        cookie, token = {"Cookie": f"sessionid={session.session_key}"}, await one.token()
        clients = []
        for site in (one, two):
            clients.append(await stack.enter_async_context(connected(site.ws_url, token)))
            page = connected(site.ws_url, origin=site.url, additional_headers=cookie)
            clients.append(await stack.enter_async_context(page))
        for client in clients:
            await client.until("hello")
        await ApiToken.objects.aupdate(revoked_at=timezone.now())
        await session.adelete()
        assert [await client.closed() for client in clients] == [4401] * 4


def create_session(user: User) -> SessionStore:
    try:
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "accounts.sessions.PreferencesBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.create()
        return session
    finally:
        connections.close_all()
