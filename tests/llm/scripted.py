"""Requests to a scripted model server with the real client."""

from typing import Any

from conversations.llm.client import ModelClient
from conversations.llm.errors import LLMError
from conversations.llm.types import ChatMessage, CompletionRequest, Delta, Endpoint, TimeLimits
from tests.llm.deltas import join_deltas
from tests.modelserver import MODEL, ModelServer

REQUEST = CompletionRequest([ChatMessage("user", "Hello?")])
KEY = "sk-Secret0123456789abcdef"


def endpoint(server: ModelServer | str, *, retries: int = 0, **more: Any) -> Endpoint:
    base_url = server if isinstance(server, str) else server.base_url
    limits = more.pop("limits", TimeLimits(connect=5, first_token=5, idle=5, total=5))
    return Endpoint(base_url, MODEL, **({"api_key": KEY, "limits": limits, "retries": retries} | more))


async def ask(
    client: ModelClient, endpoint: Endpoint, request: CompletionRequest = REQUEST
) -> tuple[list[Delta], LLMError | None]:
    """Returns the joined deltas and the error that ended the stream, or None."""
    deltas: list[Delta] = []
    try:
        async for delta in client.stream(endpoint, request):
            deltas.append(delta)
    except LLMError as error:
        return join_deltas(deltas), error
    return join_deltas(deltas), None
