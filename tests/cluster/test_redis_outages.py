"""During an outage of Redis each process serves its own runs; when Redis is back, the others catch up."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from conversations.models import Run
from tests.clone import PROJECT
from tests.cluster.conftest import SOCKET_TIMEOUT, PeerSites
from tests.cluster.run_checks import assert_received_once, until_content_is, until_step_is_stored
from tests.faults.waiting import until
from tests.modelserver import Gate, answer, hang, model_server, settled, text, wait_for
from tests.redis import RedisServer

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.requires_redis]

MAX_BLOCK = 10.0
"""Seconds that a slow machine may block the event loop; waiting for a frozen Redis takes LONG_TIMEOUT."""
LONG_TIMEOUT = 25.0

Switch = tuple[Callable[[RedisServer], None], Callable[[RedisServer], None]]
OUTAGES: list[Switch] = [(RedisServer.stop, RedisServer.start), (RedisServer.freeze, RedisServer.thaw)]
in_each_outage = pytest.mark.parametrize(("begin_outage", "end_outage"), OUTAGES, ids=["gone", "frozen"])


@asynccontextmanager
async def loop_stays_responsive() -> AsyncIterator[None]:
    """Asserts that nothing blocks the event loop for MAX_BLOCK seconds."""
    worst = 0.0

    async def watch() -> None:
        nonlocal worst
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            worst = max(worst, time.monotonic() - before)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
    assert worst < MAX_BLOCK


@in_each_outage
async def test_a_run_continues_and_clients_of_other_processes_catch_up(
    fragile_peers: PeerSites, begin_outage: Callable[[RedisServer], None], end_outage: Callable[[RedisServer], None]
) -> None:
    fragile_peers.socket_timeout = LONG_TIMEOUT
    outage_begun, outage_over = Gate(), Gate()
    reply = [text("Once "), wait_for(outage_begun), text("upon "), wait_for(outage_over), *answer("a time")]
    async with (
        model_server(reply) as model,
        fragile_peers.pair(model) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        sent = await here.call("message.send", text="Tell me")
        run_id = sent["run_id"]
        await there.call("conversation.subscribe", conversation_id=sent["conversation_id"])
        await until_content_is(there, run_id, "Once ")
        async with loop_stays_responsive():
            await asyncio.to_thread(begin_outage, fragile_peers.redis)
            outage_begun.open()
            await until_content_is(here, run_id, "Once upon ")
            await asyncio.sleep(0.5)
            await there.call("models.list")
            assert [step["content"] for step in there.steps(run_id)] == ["Once "]
            await asyncio.to_thread(end_outage, fragile_peers.redis)
            await until_content_is(there, run_id, "Once upon ")
        outage_over.open()
        assert (await here.ended(run_id))["params"] == (await there.ended(run_id))["params"]
        for client in (here, there):
            assert_received_once(client, run_id, "Once upon a time")


@in_each_outage
async def test_a_run_that_ends_during_the_outage_is_delivered_from_the_database(
    fragile_peers: PeerSites, begin_outage: Callable[[RedisServer], None], end_outage: Callable[[RedisServer], None]
) -> None:
    gate = Gate()
    async with (
        model_server([text("Once "), wait_for(gate), *answer("upon a time")]) as model,
        fragile_peers.pair(model) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        sent = await here.call("message.send", text="Tell me")
        run_id = sent["run_id"]
        await there.call("conversation.subscribe", conversation_id=sent["conversation_id"])
        await until_content_is(there, run_id, "Once ")
        await asyncio.to_thread(begin_outage, fragile_peers.redis)
        gate.open()
        assert (await here.ended(run_id))["params"] == (await there.ended(run_id))["params"]
        assert_received_once(there, run_id, "Once upon a time")


@in_each_outage
async def test_questions_during_the_outage_are_answered_and_reach_other_processes_afterwards(
    fragile_peers: PeerSites, begin_outage: Callable[[RedisServer], None], end_outage: Callable[[RedisServer], None]
) -> None:
    async with (
        model_server(answer("Hello"), answer("Again"), answer("New")) as model,
        fragile_peers.pair(model) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        where = (await there.call("conversation.create", title="Ours"))["conversation"]["id"]
        await there.call("conversation.subscribe", conversation_id=where)
        await asyncio.to_thread(begin_outage, fragile_peers.redis)
        first = await here.call("message.send", text="Hi", conversation_id=where)
        assert (await here.ended(first["run_id"]))["method"] == "done"
        again = await here.call("message.regenerate", message_id=first["assistant_message_id"])
        assert (await here.ended(again["run_id"]))["method"] == "done"
        assert not there.received("run_started")
        new = await here.call("message.send", text="Something else")
        assert (await here.ended(new["run_id"]))["method"] == "done"
        await asyncio.to_thread(end_outage, fragile_peers.redis)
        await there.ended(first["run_id"])
        await there.ended(again["run_id"])
        assert_received_once(there, first["run_id"], "Hello")
        assert_received_once(there, again["run_id"], "Again")
        assert [added["message"]["id"] for added in there.received("message_added")] == [first["message_id"]]

        def knows_the_new_conversation() -> bool:
            known = {each["conversation"]["id"] for each in there.received("conversation_changed")}
            return new["conversation_id"] in known

        await until(knows_the_new_conversation, "the new conversation is announced")


async def test_deletions_during_the_outage_reach_other_processes_afterwards(fragile_peers: PeerSites) -> None:
    async with (
        model_server([text("Once "), hang()]) as model,
        fragile_peers.pair(model) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        sent = await here.call("message.send", text="Tell me")
        where = (await here.call("conversation.create", title="Idle"))["conversation"]["id"]
        for conversation_id in (sent["conversation_id"], where):
            await there.call("conversation.subscribe", conversation_id=conversation_id)
        await until_content_is(there, sent["run_id"], "Once ")
        await asyncio.to_thread(fragile_peers.redis.stop)
        await here.call("conversation.delete", conversation_id=sent["conversation_id"])
        await here.call("conversation.delete", conversation_id=where)
        end = await there.ended(sent["run_id"])
        assert end["params"]["status"] == "cancelled"
        await there.until("conversation_deleted", conversation_id=sent["conversation_id"])
        assert not there.received("conversation_deleted", conversation_id=where)
        await asyncio.to_thread(fragile_peers.redis.start)
        await there.until("conversation_deleted", conversation_id=where)
        assert len(there.received("conversation_deleted")) == 2


async def test_a_run_cancelled_on_another_process_ends_at_the_next_heartbeat_of_its_owner(
    fragile_peers: PeerSites,
) -> None:
    async with (
        model_server([text("Once "), hang()]) as model,
        fragile_peers.pair(model, RUN_HEARTBEAT=4) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        sent = await here.call("message.send", text="Tell me")
        await until_content_is(here, sent["run_id"], "Once ")
        await asyncio.to_thread(fragile_peers.redis.stop)
        await there.call("run.cancel", run_id=sent["run_id"])
        assert (await here.ended(sent["run_id"]))["params"]["status"] == "cancelled"


async def test_an_owner_that_loses_a_silent_run_during_the_outage_notices_at_its_next_heartbeat(
    fragile_peers: PeerSites,
) -> None:
    async with (
        model_server([text("Once "), hang()], answer("Once upon a time")) as model,
        fragile_peers.pair(model, RUN_HEARTBEAT=4) as (one, two),
        one.client() as here,
    ):
        sent = await here.call("message.send", text="Tell me")
        await until_content_is(here, sent["run_id"], "Once ")
        await until_step_is_stored("Once ")
        await asyncio.to_thread(fragile_peers.redis.stop)
        await Run.objects.aupdate(owner=None)
        await two.runner.claim_expired_runs()
        await settled(model.requests[0].abandoned)
        assert (await here.ended(sent["run_id"]))["method"] == "done"
        assert [step["content"] for step in here.steps(sent["run_id"])] == ["Once upon a time"]


async def test_a_client_that_connects_during_the_outage_gets_the_stored_text_and_then_the_rest(
    fragile_peers: PeerSites,
) -> None:
    gate = Gate()
    async with (
        model_server([text("Once "), wait_for(gate), *answer("upon a time")]) as model,
        fragile_peers.pair(model) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        sent = await here.call("message.send", text="Tell me")
        run_id, where = sent["run_id"], sent["conversation_id"]
        await until_content_is(here, run_id, "Once ")
        await asyncio.to_thread(fragile_peers.redis.stop)
        await until_step_is_stored("Once ")
        shown = await there.call("conversation.get", conversation_id=where)
        assert shown["run"]["id"] == run_id
        assert shown["messages"][-1]["content"]["text"] == "Once "
        await there.call("conversation.subscribe", conversation_id=where)
        await until_content_is(there, run_id, "Once ")
        await asyncio.to_thread(fragile_peers.redis.start)
        gate.open()
        await there.ended(run_id)
        assert_received_once(there, run_id, "Once upon a time")


async def test_messages_arrive_after_a_silence_longer_than_the_socket_timeout(fragile_peers: PeerSites) -> None:
    async with (
        model_server(answer("Hello")) as model,
        fragile_peers.pair(model) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        where = (await there.call("conversation.create", title="Ours"))["conversation"]["id"]
        await there.call("conversation.subscribe", conversation_id=where)
        await asyncio.sleep(3 * SOCKET_TIMEOUT)
        sent = await here.call("message.send", text="Hi", conversation_id=where)
        assert (await there.ended(sent["run_id"]))["method"] == "done"


async def test_a_dead_redis_connection_that_was_never_closed_is_replaced(fragile_peers: PeerSites) -> None:
    gate = Gate()
    async with (
        relay_to(fragile_peers.redis) as relay,
        model_server([text("Once "), wait_for(gate), *answer("upon a time")]) as model,
        fragile_peers.site(model) as one,
        fragile_peers.site(model, port=relay.port) as two,
        one.client() as here,
        two.client() as there,
    ):
        sent = await here.call("message.send", text="Tell me")
        await there.call("conversation.subscribe", conversation_id=sent["conversation_id"])
        await until_content_is(there, sent["run_id"], "Once ")
        relay.abandon_connections()
        gate.open()
        await here.ended(sent["run_id"])
        await there.ended(sent["run_id"])
        later = await here.call("message.send", text="Again", conversation_id=sent["conversation_id"])
        await there.ended(later["run_id"])
        assert_received_once(there, sent["run_id"], "Once upon a time")


class Relay:
    """A proxy for Redis. `abandon_connections` stops forwarding on the open connections without closing them."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._generation = 0
        self.port = 0

    def abandon_connections(self) -> None:
        self._generation += 1

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self._target)
        generation = self._generation
        try:
            await asyncio.gather(
                self._forward(generation, reader, behind_writer), self._forward(generation, behind_reader, writer)
            )
        except (ConnectionError, asyncio.CancelledError):
            pass  # one side closed its connection, or the test is over
        finally:
            writer.close()
            behind_writer.close()

    async def _forward(self, generation: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while content := await reader.read(65536):
            if generation == self._generation:
                writer.write(content)
        writer.close()


@asynccontextmanager
async def relay_to(redis: RedisServer) -> AsyncIterator[Relay]:
    relay = Relay(redis.port)
    server = await asyncio.start_server(relay.accept, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()


def test_a_process_does_not_start_if_redis_is_unreachable(stoppable_redis: RedisServer, tmp_path: object) -> None:
    stoppable_redis.stop()
    settings = {
        "REDIS_URL": stoppable_redis.url,
        "VAR_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "chatsite.settings",
    }
    environment = os.environ | settings
    subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=PROJECT, env=environment, check=True)
    command = [sys.executable, "-m", "daphne", "-p", "0", "chatsite.asgi:application"]
    ended = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 1
    lines = [line for line in ended.stderr.splitlines() if "CRITICAL" in line]
    assert len(lines) == 1
    assert "The server cannot start. Redis cannot be reached at REDIS_URL" in lines[0]
    assert "Traceback" not in ended.stderr
