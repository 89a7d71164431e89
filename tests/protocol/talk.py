"""A model server, the product and one person's connection, for one test.

async with talk(answer("Hello")) as t:
    sent = await t.ada.call("message.send", text="Hi")
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
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
        """Ada asks, and waits for the end of the answer; the result of the request."""
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


def halting(gate: Gate, *before: Part) -> Reply:
    """An answer that says "Hel", waits for the gate, and says "lo"."""
    return [*before, text("Hel"), until_open(gate), text("lo"), finish(), usage(), done()]


async def refused(client: Client, method: str, /, **params: Any) -> CallError:
    """The error that the request gets."""
    with pytest.raises(CallError) as caught:
        await client.call(method, **params)
    return caught.value


async def wrong_fields(client: Client, method: str, /, **params: Any) -> set[str]:
    """The names of the fields for which the request is refused."""
    error = await refused(client, method, **params)
    assert error.code == -32602
    return set(error.data["errors"])


def told_of(client: Client, run_id: str) -> list[str]:
    """The names of the notifications of the run, in order."""
    return [n["method"] for n in client.notifications if n["params"].get("run_id") == run_id]
