"""What is sent to a client that takes nothing is kept within bounds, and in the end the client is dropped."""

from __future__ import annotations

import asyncio
import select
import socket
from itertools import cycle, islice

import pytest

from tests.client import Client
from tests.faults.deployment import Deployment
from tests.faults.points import Script
from tests.modelserver import Reply, done, finish, model_server, text, usage

pytestmark = pytest.mark.faults

PIECE = "0123456789" * 1_000
ROUNDS = 25
MOST_GROWTH = 20_000_000
"""Bytes."""
DROPPED = select.POLLHUP | select.POLLERR


def long_answer(megabytes: int) -> Reply:
    return [*[text(PIECE) for _ in range(100 * megabytes)], finish(), usage(), done()]


def turn_deaf(client: Client) -> None:
    client.connection.transport.pause_reading()


async def dropped(client: Client, within: float) -> bool:
    """Whether the server ends the connection, seen without reading from it."""
    poll = select.poll()
    poll.register(client.connection.transport.get_extra_info("socket").fileno(), DROPPED)
    return bool(await asyncio.to_thread(poll.poll, within * 1000))


def small_socket(port: int) -> socket.socket:
    """Of which the system keeps little that nobody reads."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.connect(("127.0.0.1", port))
    made.setblocking(False)
    return made


async def test_it_is_dropped_after_a_while_and_others_are_served(deployment: Deployment) -> None:
    script = Script({"Tell me": [long_answer(6)]})
    async with (
        model_server(script) as model,
        deployment.server(model, FAULTS_UNREAD_SECONDS="1") as server,
    ):
        await server.start()
        async with (
            deployment.client(server) as ada,
            deployment.client(server, sock=small_socket(server.port)) as deaf,
        ):
            created = (await ada.call("conversation.create"))["conversation"]["id"]
            await deaf.call("conversation.subscribe", conversation_id=created)
            turn_deaf(deaf)
            sent = await ada.call("message.send", text="Tell me", conversation_id=created)
            assert (await ada.ended(sent["run_id"]))["params"]["status"] == "complete"
            assert await dropped(deaf, within=60)
            deaf.connection.transport.resume_reading()
            assert await deaf.closed() in (4408, 1006)
            assert not deaf.received("done")


@pytest.mark.parametrize("spread", [False, True], ids=["in one conversation", "over many"])
async def test_the_server_keeps_little_for_it(deployment: Deployment, *, spread: bool) -> None:
    script = Script({"Tell me": [long_answer(1)] * (ROUNDS + 2)})
    async with model_server(script) as model, deployment.server(model, FAULTS_UNREAD_SECONDS="600") as server:
        await server.start()
        async with deployment.client(server) as ada:
            places = [await new_conversation(ada) for _ in range(ROUNDS if spread else 1)]
            for _ in range(2):
                await ask(ada, await new_conversation(ada))
                await deployment.stored.all_ended()
            before = most = server.resident
            async with deployment.client(server, sock=small_socket(server.port)) as deaf:
                for place in places:
                    await deaf.call("conversation.subscribe", conversation_id=place)
                turn_deaf(deaf)
                for place in islice(cycle(places), ROUNDS):
                    await ask(ada, place)
                    await deployment.stored.all_ended()
                    most = max(most, server.resident)
                assert most - before < MOST_GROWTH
                assert await dropped(deaf, within=60)
                deaf.connection.transport.abort()


async def new_conversation(client: Client) -> str:
    created = await client.call("conversation.create")
    place: str = created["conversation"]["id"]
    return place


async def ask(client: Client, place: str) -> None:
    """A first question, so that the model is sent nothing but that; who asked does not look at the answer."""
    await client.call("message.send", text="Tell me", conversation_id=place, parent_id=None)
    await client.call("conversation.unsubscribe", conversation_id=place)
