"""Asking questions through the product, and comparing the steps that were streamed with those that were stored."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from conversations.models import TokenUsage
from tests.aimock.server import MODEL
from tests.client import Client
from tests.site import running_site

EVENT_ONLY_FIELDS = ("conversation_id", "run_id")


@dataclass(frozen=True)
class FinishedRun:
    """A finished run: `end` is "done" or "error", with its `params`; `steps` are as the client received them."""

    conversation_id: str
    run_id: str
    message_id: str
    end: str
    params: dict[str, Any]
    steps: list[dict[str, Any]]

    @property
    def outline(self) -> list[tuple[str, str]]:
        """The type of each step, with its arguments or its text."""
        return [(step["type"], step["arguments" if step["type"] == "tool_call" else "content"]) for step in self.steps]


@asynccontextmanager
async def connected_client(base_url: str, **settings: Any) -> AsyncIterator[Client]:
    """Yields a client of a site whose models are on the server at this address."""
    chosen: dict[str, Any] = {"LLM_BASE_URL": base_url, "LLM_MODELS": (MODEL,), "LLM_RETRIES": 0} | settings
    async with running_site(**chosen) as site, site.client() as client:
        yield client


async def ask(client: Client, text: str, **params: Any) -> FinishedRun:
    """Sends a message, waits for the end of the run, and checks that its steps were stored as they were streamed."""
    return await wait_for_run(client, await client.call("message.send", text=text, **params))


async def wait_for_run(client: Client, sent: dict[str, Any]) -> FinishedRun:
    """Waits for the end of the run that a request started, and checks its stored steps."""
    end = await client.ended(sent["run_id"])
    run = FinishedRun(
        conversation_id=sent["conversation_id"],
        run_id=sent["run_id"],
        message_id=sent["assistant_message_id"],
        end=end["method"],
        params=end["params"],
        steps=client.steps(sent["run_id"]),
    )
    got = await client.call("conversation.get", conversation_id=run.conversation_id)
    answer = next(message for message in got["messages"] if message["id"] == run.message_id)
    received = [{name: value for name, value in step.items() if name not in EVENT_ONLY_FIELDS} for step in run.steps]
    assert answer["content"]["steps"] == received, f"stored: {answer['content']['steps']}; received: {received}"
    assert got["run"] is None
    return run


async def token_usage(run: FinishedRun) -> list[tuple[int, int, int, bool]]:
    """Returns each model call of the run: iteration, prompt tokens, completion tokens, whether they are estimated."""
    rows = TokenUsage.objects.filter(run_id=run.run_id).order_by("iteration")
    return [(row.iteration, row.prompt_tokens, row.completion_tokens, row.estimated) async for row in rows]
