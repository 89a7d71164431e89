"""What waits for a client that reads nothing is bounded, and in the end the client is dropped."""

from __future__ import annotations

import asyncio
import select
import socket
from itertools import cycle, islice

import pytest

from tests.client import Client
from tests.faults.deployment import Deployment
from tests.faults.points import ScriptedModel
from tests.modelserver import Reply, done, finish, model_server, text, usage

pytestmark = pytest.mark.faults

CHUNK = "0123456789" * 1_000
ROUNDS = 25
MAX_GROWTH = 20_000_000
"""Bytes."""
DROP_EVENTS = select.POLLHUP | select.POLLERR


def long_answer(megabytes: int) -> Reply:
    return [*[text(CHUNK) for _ in range(100 * megabytes)], finish(), usage(), done()]


def stop_reading(client: Client) -> None:
    client.connection.transport.pause_reading()


async def is_dropped(client: Client, within: float) -> bool:
    """Returns whether the server closes the connection within so many seconds, without reading from it."""
    poll = select.poll()
    poll.register(client.connection.transport.get_extra_info("socket").fileno(), DROP_EVENTS)
    return bool(await asyncio.to_thread(poll.poll, within * 1000))


def small_socket(port: int) -> socket.socket:
    """Returns a socket with a small receive buffer."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    connection.setblocking(False)
    return connection


async def test_a_client_that_reads_nothing_is_dropped_and_others_are_served(deployment: Deployment) -> None:
    script = ScriptedModel({"Tell me": [long_answer(6)]})
    async with (
        model_server(script) as model,
        deployment.server(model, FAULTS_UNREAD_TIMEOUT="1") as server,
    ):
        await server.start()
        async with (
            deployment.client(server) as ada,
            deployment.client(server, sock=small_socket(server.port)) as stalled,
        ):
            created = (await ada.call("conversation.create"))["conversation"]["id"]
            await stalled.call("conversation.subscribe", conversation_id=created)
            stop_reading(stalled)
            sent = await ada.call("message.send", text="Tell me", conversation_id=created)
            assert (await ada.ended(sent["run_id"]))["params"]["status"] == "complete"
            assert await is_dropped(stalled, within=60)
            stalled.connection.transport.resume_reading()
            assert await stalled.closed() in (4408, 1006)
            assert not stalled.received("done")


@pytest.mark.parametrize("spread", [False, True], ids=["in one conversation", "over many"])
async def test_memory_held_for_a_client_that_reads_nothing_is_bounded(deployment: Deployment, *, spread: bool) -> None:
    script = ScriptedModel({"Tell me": [long_answer(1)] * (ROUNDS + 2)})
    async with model_server(script) as model, deployment.server(model, FAULTS_UNREAD_TIMEOUT="600") as server:
        await server.start()
        async with deployment.client(server) as ada:
            conversation_ids = [await new_conversation(ada) for _ in range(ROUNDS if spread else 1)]
            for _ in range(2):
                await ask(ada, await new_conversation(ada))
                await deployment.stored.all_ended()
            before = peak = server.resident_memory
            async with deployment.client(server, sock=small_socket(server.port)) as stalled:
                for conversation_id in conversation_ids:
                    await stalled.call("conversation.subscribe", conversation_id=conversation_id)
                stop_reading(stalled)
                for conversation_id in islice(cycle(conversation_ids), ROUNDS):
                    await ask(ada, conversation_id)
                    await deployment.stored.all_ended()
                    peak = max(peak, server.resident_memory)
                assert peak - before < MAX_GROWTH
                assert await is_dropped(stalled, within=60)
                stalled.connection.transport.abort()


async def new_conversation(client: Client) -> str:
    created = await client.call("conversation.create")
    conversation_id: str = created["conversation"]["id"]
    return conversation_id


async def ask(client: Client, conversation_id: str) -> None:
    """Asks with an empty context, and unsubscribes the asking client from the answer."""
    await client.call("message.send", text="Tell me", conversation_id=conversation_id, parent_id=None)
    await client.call("conversation.unsubscribe", conversation_id=conversation_id)
