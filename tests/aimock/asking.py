"""Asking through the product, and holding what was watched against what was stored."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from conversations.models import TokenUsage
from tests.aimock.server import MODEL
from tests.client import Client
from tests.site import running_site

WHERE = ("conversation_id", "run_id")


@dataclass(frozen=True)
class StoredQuestion:
    """A question that was answered, or not: `end` is "done" or "error", with `params`; `steps` as they were watched."""

    conversation_id: str
    run_id: str
    message_id: str
    end: str
    params: dict[str, Any]
    steps: list[dict[str, Any]]

    @property
    def outline(self) -> list[tuple[str, str]]:
        """Of every step, its type and what it says."""
        return [(step["type"], step["arguments" if step["type"] == "tool_call" else "content"]) for step in self.steps]


@asynccontextmanager
async def asking(base_url: str, **settings: Any) -> AsyncIterator[Client]:
    """A person's connection to the product, whose models are on the server at this address."""
    chosen: dict[str, Any] = {"LLM_BASE_URL": base_url, "LLM_MODELS": (MODEL,), "LLM_RETRIES": 0} | settings
    async with running_site(**chosen) as site, site.client() as client:
        yield client


async def ask(client: Client, text: str, **params: Any) -> StoredQuestion:
    """Sends, waits for the end, and finds stored what was watched."""
    return await followed(client, await client.call("message.send", text=text, **params))


async def followed(client: Client, sent: dict[str, Any]) -> StoredQuestion:
    """The run that a request has started, to its end."""
    end = await client.ended(sent["run_id"])
    asked = StoredQuestion(
        conversation_id=sent["conversation_id"],
        run_id=sent["run_id"],
        message_id=sent["assistant_message_id"],
        end=end["method"],
        params=end["params"],
        steps=client.steps(sent["run_id"]),
    )
    got = await client.call("conversation.get", conversation_id=asked.conversation_id)
    answer = next(message for message in got["messages"] if message["id"] == asked.message_id)
    watched = [{name: value for name, value in step.items() if name not in WHERE} for step in asked.steps]
    assert answer["content"]["steps"] == watched, f"stored: {answer['content']['steps']}; watched: {watched}"
    assert got["run"] is None
    return asked


async def ledger(asked: StoredQuestion) -> list[tuple[int, int, int, bool]]:
    """Of every model call of the run: its number, prompt and completion tokens, and whether they are estimated."""
    rows = TokenUsage.objects.filter(run_id=asked.run_id).order_by("iteration")
    return [(row.iteration, row.prompt_tokens, row.completion_tokens, row.estimated) async for row in rows]
