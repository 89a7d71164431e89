"""While Redis is away everybody goes on with what is made in their own process; when it is back, the rest follows."""

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
from tests.cluster.conftest import SOCKET_TIMEOUT, Neighbourhood
from tests.cluster.following import assert_told_once, shows, stored
from tests.faults.waiting import until
from tests.modelserver import Gate, answer, hang, model_server, settled, text, wait_for
from tests.redis import RedisServer

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.requires_redis]

LONGEST_BLOCK = 10.0
"""Seconds that a slow machine may make the event loop wait; waiting for a frozen Redis takes LONG_TIMEOUT."""
LONG_TIMEOUT = 25.0

Switch = tuple[Callable[[RedisServer], None], Callable[[RedisServer], None]]
AWAY: list[Switch] = [(RedisServer.stop, RedisServer.start), (RedisServer.freeze, RedisServer.thaw)]
in_both_ways = pytest.mark.parametrize(("leave", "come_back"), AWAY, ids=["gone", "frozen"])


@asynccontextmanager
async def nothing_blocks() -> AsyncIterator[None]:
    """The event loop always goes on within LONGEST_BLOCK seconds."""
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
    assert worst < LONGEST_BLOCK


@in_both_ways
async def test_a_run_goes_on_and_whoever_watches_it_elsewhere_catches_up(
    fragile: Neighbourhood, leave: Callable[[RedisServer], None], come_back: Callable[[RedisServer], None]
) -> None:
    fragile.socket_timeout = LONG_TIMEOUT
    gone, back = Gate(), Gate()
    reply = [text("Once "), wait_for(gone), text("upon "), wait_for(back), *answer("a time")]
    async with (
        model_server(reply) as model,
        fragile.pair(model) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        sent = await here.call("message.send", text="Tell me")
        run_id = sent["run_id"]
        await there.call("conversation.subscribe", conversation_id=sent["conversation_id"])
        await shows(there, run_id, "Once ")
        async with nothing_blocks():
            await asyncio.to_thread(leave, fragile.redis)
            gone.open()
            await shows(here, run_id, "Once upon ")
            await asyncio.sleep(0.5)
            await there.call("models.list")
            assert [step["content"] for step in there.steps(run_id)] == ["Once "]
            await asyncio.to_thread(come_back, fragile.redis)
            await shows(there, run_id, "Once upon ")
        back.open()
        assert (await here.ended(run_id))["params"] == (await there.ended(run_id))["params"]
        for client in (here, there):
            assert_told_once(client, run_id, "Once upon a time")


@in_both_ways
async def test_a_run_that_ends_meanwhile_is_told_from_what_is_stored(
    fragile: Neighbourhood, leave: Callable[[RedisServer], None], come_back: Callable[[RedisServer], None]
) -> None:
    gate = Gate()
    async with (
        model_server([text("Once "), wait_for(gate), *answer("upon a time")]) as model,
        fragile.pair(model) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        sent = await here.call("message.send", text="Tell me")
        run_id = sent["run_id"]
        await there.call("conversation.subscribe", conversation_id=sent["conversation_id"])
        await shows(there, run_id, "Once ")
        await asyncio.to_thread(leave, fragile.redis)
        gate.open()
        assert (await here.ended(run_id))["params"] == (await there.ended(run_id))["params"]
        assert_told_once(there, run_id, "Once upon a time")


@in_both_ways
async def test_what_is_asked_meanwhile_is_answered_and_told_elsewhere_afterwards(
    fragile: Neighbourhood, leave: Callable[[RedisServer], None], come_back: Callable[[RedisServer], None]
) -> None:
    async with (
        model_server(answer("Hello"), answer("Again"), answer("Anew")) as model,
        fragile.pair(model) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        where = (await there.call("conversation.create", title="Ours"))["conversation"]["id"]
        await there.call("conversation.subscribe", conversation_id=where)
        await asyncio.to_thread(leave, fragile.redis)
        first = await here.call("message.send", text="Hi", conversation_id=where)
        assert (await here.ended(first["run_id"]))["method"] == "done"
        again = await here.call("message.regenerate", message_id=first["assistant_message_id"])
        assert (await here.ended(again["run_id"]))["method"] == "done"
        assert not there.received("run_started")
        new = await here.call("message.send", text="Something else")
        assert (await here.ended(new["run_id"]))["method"] == "done"
        await asyncio.to_thread(come_back, fragile.redis)
        await there.ended(first["run_id"])
        await there.ended(again["run_id"])
        assert_told_once(there, first["run_id"], "Hello")
        assert_told_once(there, again["run_id"], "Again")
        assert [added["message"]["id"] for added in there.received("message_added")] == [first["message_id"]]

        def is_told_of_the_new_one() -> bool:
            told = {each["conversation"]["id"] for each in there.received("conversation_changed")}
            return new["conversation_id"] in told

        await until(is_told_of_the_new_one, "that there is a new conversation")


async def test_what_is_deleted_meanwhile_is_told_elsewhere_afterwards(fragile: Neighbourhood) -> None:
    async with (
        model_server([text("Once "), hang()]) as model,
        fragile.pair(model) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        sent = await here.call("message.send", text="Tell me")
        where = (await here.call("conversation.create", title="Idle"))["conversation"]["id"]
        for conversation_id in (sent["conversation_id"], where):
            await there.call("conversation.subscribe", conversation_id=conversation_id)
        await shows(there, sent["run_id"], "Once ")
        await asyncio.to_thread(fragile.redis.stop)
        await here.call("conversation.delete", conversation_id=sent["conversation_id"])
        await here.call("conversation.delete", conversation_id=where)
        end = await there.ended(sent["run_id"])
        assert end["params"]["status"] == "cancelled"
        await there.until("conversation_deleted", conversation_id=sent["conversation_id"])
        assert not there.received("conversation_deleted", conversation_id=where)
        await asyncio.to_thread(fragile.redis.start)
        await there.until("conversation_deleted", conversation_id=where)
        assert len(there.received("conversation_deleted")) == 2


async def test_a_run_is_cancelled_from_elsewhere_at_the_next_beat_of_its_owner(fragile: Neighbourhood) -> None:
    async with (
        model_server([text("Once "), hang()]) as model,
        fragile.pair(model, RUN_HEARTBEAT=4) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        sent = await here.call("message.send", text="Tell me")
        await shows(here, sent["run_id"], "Once ")
        await asyncio.to_thread(fragile.redis.stop)
        await there.call("run.cancel", run_id=sent["run_id"])
        assert (await here.ended(sent["run_id"]))["params"]["status"] == "cancelled"


async def test_an_owner_that_loses_a_silent_run_unheard_finds_out_at_its_next_beat(fragile: Neighbourhood) -> None:
    async with (
        model_server([text("Once "), hang()], answer("Once upon a time")) as model,
        fragile.pair(model, RUN_HEARTBEAT=4) as (one, two),
        one.client() as here,
    ):
        sent = await here.call("message.send", text="Tell me")
        await shows(here, sent["run_id"], "Once ")
        await stored("Once ")
        await asyncio.to_thread(fragile.redis.stop)
        await Run.objects.aupdate(owner=None)
        await two.runner.claim_expired_runs()
        await settled(model.requests[0].abandoned)
        assert (await here.ended(sent["run_id"]))["method"] == "done"
        assert [step["content"] for step in here.steps(sent["run_id"])] == ["Once upon a time"]


async def test_who_comes_meanwhile_sees_what_is_stored_and_then_the_rest(fragile: Neighbourhood) -> None:
    gate = Gate()
    async with (
        model_server([text("Once "), wait_for(gate), *answer("upon a time")]) as model,
        fragile.pair(model) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        sent = await here.call("message.send", text="Tell me")
        run_id, where = sent["run_id"], sent["conversation_id"]
        await shows(here, run_id, "Once ")
        await asyncio.to_thread(fragile.redis.stop)
        await stored("Once ")
        shown = await there.call("conversation.get", conversation_id=where)
        assert shown["run"]["id"] == run_id
        assert shown["messages"][-1]["content"]["text"] == "Once "
        await there.call("conversation.subscribe", conversation_id=where)
        await shows(there, run_id, "Once ")
        await asyncio.to_thread(fragile.redis.start)
        gate.open()
        await there.ended(run_id)
        assert_told_once(there, run_id, "Once upon a time")


async def test_mail_comes_though_there_was_none_for_longer_than_a_socket_waits(fragile: Neighbourhood) -> None:
    async with (
        model_server(answer("Hello")) as model,
        fragile.pair(model) as (one, two),
        one.client() as here,
        two.client() as there,
    ):
        where = (await there.call("conversation.create", title="Ours"))["conversation"]["id"]
        await there.call("conversation.subscribe", conversation_id=where)
        await asyncio.sleep(3 * SOCKET_TIMEOUT)
        sent = await here.call("message.send", text="Hi", conversation_id=where)
        assert (await there.ended(sent["run_id"]))["method"] == "done"


async def test_a_dead_connection_to_redis_that_nobody_closed_is_replaced(fragile: Neighbourhood) -> None:
    gate = Gate()
    async with (
        relayed(fragile.redis) as relay,
        model_server([text("Once "), wait_for(gate), *answer("upon a time")]) as model,
        fragile.site(model) as one,
        fragile.site(model, port=relay.port) as two,
        one.client() as here,
        two.client() as there,
    ):
        sent = await here.call("message.send", text="Tell me")
        await there.call("conversation.subscribe", conversation_id=sent["conversation_id"])
        await shows(there, sent["run_id"], "Once ")
        relay.die()
        gate.open()
        await here.ended(sent["run_id"])
        await there.ended(sent["run_id"])
        later = await here.call("message.send", text="Again", conversation_id=sent["conversation_id"])
        await there.ended(later["run_id"])
        assert_told_once(there, sent["run_id"], "Once upon a time")


class Relay:
    """Between a process and Redis; `die` forgets the connections there are, without a word to either side."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._lives = 0
        self.port = 0

    def die(self) -> None:
        self._lives += 1

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self._target)
        life = self._lives
        try:
            await asyncio.gather(self._pass(life, reader, behind_writer), self._pass(life, behind_reader, writer))
        except (ConnectionError, asyncio.CancelledError):
            pass  # one of them left, or the test is over
        finally:
            writer.close()
            behind_writer.close()

    async def _pass(self, life: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while content := await reader.read(65536):
            if life == self._lives:
                writer.write(content)
        writer.close()


@asynccontextmanager
async def relayed(redis: RedisServer) -> AsyncIterator[Relay]:
    relay = Relay(redis.port)
    server = await asyncio.start_server(relay.accept, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()


def test_a_process_does_not_start_without_the_redis_it_is_to_use(own_redis: RedisServer, tmp_path: object) -> None:
    own_redis.stop()
    settings = {"REDIS_URL": own_redis.url, "VAR_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "chatsite.settings"}
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
