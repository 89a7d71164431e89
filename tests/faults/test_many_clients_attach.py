from __future__ import annotations

import asyncio
import logging
import statistics
from contextlib import AsyncExitStack

import pytest

from tests.client import Client
from tests.cluster.run_checks import assert_received_once
from tests.faults.cluster import Cluster
from tests.faults.deployment import Deployment
from tests.faults.ping import pinging
from tests.faults.points import ScriptedModel
from tests.faults.process import ServerProcess
from tests.modelserver import Gate, done, finish, model_server, pause, text, usage, wait_for

logger = logging.getLogger(__name__)

pytestmark = pytest.mark.faults

WATCHERS = 200
MAX_RESPONSE_TIME = 20.0
"""Seconds that a response may take when clients and server share a slow machine."""
STRINGS = [f"word {number} " for number in range(150)]


async def test_all_clients_see_the_same_and_the_server_stays_responsive(deployment: Deployment) -> None:
    all_attached = Gate()
    streamed = [part for word in STRINGS for part in (text(word), pause(0.01))]
    script = ScriptedModel({"Tell me": [[*streamed, wait_for(all_attached), finish(), usage(), done()]]})
    async with model_server(script) as model, deployment.server(model) as server, AsyncExitStack() as connections:
        await server.start()

        async def attach() -> Client:
            watcher = await connections.enter_async_context(deployment.client(server))
            await watcher.call("conversation.subscribe", conversation_id=sent["conversation_id"])
            return watcher

        async with pinging(server.url, deployment.token("bob")) as times:
            ada = await connections.enter_async_context(deployment.client(server))
            sent = await ada.call("message.send", text="Tell me")
            await ada.until("process_step")
            watchers = await asyncio.gather(*(attach() for _ in range(WATCHERS)))
            all_attached.open()
            for watcher in watchers:
                assert (await watcher.ended(sent["run_id"]))["params"]["status"] == "complete"
        steps = ada.steps(sent["run_id"])
        assert [step["content"] for step in steps] == ["".join(STRINGS)]
        assert all(watcher.steps(sent["run_id"]) == steps for watcher in watchers)
    logger.info("models.list took %.3f s at the median, %.3f s at most", statistics.median(times), max(times))
    assert len(times) > 10
    assert max(times) < MAX_RESPONSE_TIME


@pytest.mark.requires_postgres
@pytest.mark.requires_redis
async def test_clients_on_two_processes_receive_the_run_once(cluster: Cluster) -> None:
    all_attached = Gate()
    streamed = [part for word in STRINGS for part in (text(word), pause(0.01))]
    script = ScriptedModel({"Tell me": [[*streamed, wait_for(all_attached), finish(), usage(), done()]]})
    async with (
        model_server(script) as model,
        cluster.server(model) as one,
        cluster.server(model) as two,
        AsyncExitStack() as connections,
    ):
        await asyncio.gather(one.start(), two.start())

        async def attach(server: ServerProcess) -> Client:
            watcher = await connections.enter_async_context(cluster.client(server))
            await watcher.call("conversation.subscribe", conversation_id=sent["conversation_id"])
            return watcher

        ada = await connections.enter_async_context(cluster.client(one))
        sent = await ada.call("message.send", text="Tell me")
        await ada.until("process_step")
        watchers = await asyncio.gather(*(attach(server) for server in (one, two) for _ in range(WATCHERS // 2)))
        all_attached.open()
        for watcher in watchers:
            assert (await watcher.ended(sent["run_id"]))["params"]["status"] == "complete"
            assert_received_once(watcher, sent["run_id"], "".join(STRINGS))
