"""Runs a model server, the site and a client connection for one test.

async with talk(answer("Hello")) as t:
    sent = await t.ada.call("message.send", text="Hi")
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.client import CallError, Client
from tests.modelserver import Gate, ModelRequest, ModelServer, Part, Reply, done, finish, model_server, text, usage
from tests.modelserver import wait_for as until_open
from tests.site import Site, running_site


@dataclass(frozen=True)
class Talk:
    model: ModelServer
    site: Site
    ada: Client

    async def ask(self, question: str = "Hello?", **params: Any) -> dict[str, Any]:
        """Sends a question as ada, waits for the end of the run, and returns the result of the request."""
        sent = await self.ada.call("message.send", text=question, **params)
        await self.ada.ended(sent["run_id"])
        return sent

    async def messages(self, conversation_id: str) -> list[dict[str, Any]]:
        got = await self.ada.call("conversation.get", conversation_id=conversation_id)
        messages: list[dict[str, Any]] = got["messages"]
        return messages


@asynccontextmanager
async def talk(*replies: Reply | Callable[[ModelRequest], Reply], **settings: Any) -> AsyncIterator[Talk]:
    async with model_server(*replies) as model, running_site(model, **settings) as site, site.client() as ada:
        yield Talk(model, site, ada)


def gated_answer(gate: Gate, *before: Part) -> Reply:
    """Returns a reply that sends "Hel", waits for the gate, and sends "lo"."""
    return [*before, text("Hel"), until_open(gate), text("lo"), finish(), usage(), done()]


async def expect_error(client: Client, method: str, /, **params: Any) -> CallError:
    """Returns the error response to the request. Fails if there is a result."""
    with pytest.raises(CallError) as caught:
        await client.call(method, **params)
    return caught.value


async def invalid_fields(client: Client, method: str, /, **params: Any) -> set[str]:
    """Returns the names of the params that the server rejects."""
    error = await expect_error(client, method, **params)
    assert error.code == -32602
    return set(error.data["errors"])


def run_notifications(client: Client, run_id: str) -> list[str]:
    """Returns the methods of the notifications about the run, in order."""
    return [n["method"] for n in client.notifications if n["params"].get("run_id") == run_id]


def delay_read(t: Talk, run_id: str, gate: Gate) -> Callable[..., Awaitable[Any]]:
    """Returns a replacement for `readers.run` that opens the gate after a read and returns after the end of the run."""
    read = t.site.runner.readers.run

    async def delayed(*args: Any, **kwargs: Any) -> Any:
        found = await read(*args, **kwargs)
        gate.open()
        await t.ada.ended(run_id)
        return found

    return delayed
