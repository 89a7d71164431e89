"""A conversation with the demo model over real HTTP, with the real client and the real tools."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from conversations.demo import DEMO_MODEL_NAME
from conversations.demo.server import DemoServer
from conversations.llm.client import ModelClient
from conversations.llm.completion import Completion
from conversations.llm.types import ChatMessage, CompletionRequest, Endpoint, FunctionDefinition
from tools.builtin import builtin_registry
from tools.executor import ToolExecutor
from tools.types import ToolCall, ToolContext, ToolUser

TOOLS = {tool.name: tool for tool in builtin_registry().list_all()}
DEFINITIONS = {
    name: FunctionDefinition(name, tool.description, tool.parameters) for name, tool in sorted(TOOLS.items())
}
MAX_ITERATIONS = 6


class Dialogue:
    """`ask` answers a question as a run does, and sets `calls` (tool names per iteration) and `results`."""

    def __init__(self, client: ModelClient, endpoint: Endpoint, workspace: Path) -> None:
        self._client = client
        self._endpoint = endpoint
        self._executor = ToolExecutor(TOOLS, ToolContext(user=ToolUser(1, "ada"), workspace=workspace), timeout=30)
        self.messages: list[ChatMessage] = []
        self.calls: list[list[str]] = []
        self.results: list[str] = []

    async def ask(self, question: str) -> Completion:
        self.messages.append(ChatMessage("user", question))
        self.calls, self.results = [], []
        for _ in range(MAX_ITERATIONS):
            completion = await self._complete()
            if not completion.tool_calls:
                self.messages.append(ChatMessage("assistant", completion.text))
                return completion
            await self._call_tools(completion)
        raise AssertionError(f"still calls tools after {MAX_ITERATIONS} iterations")

    async def _complete(self) -> Completion:
        completion = Completion()
        request = CompletionRequest(self.messages, tuple(DEFINITIONS.values()), thinking_enabled=True)
        async for delta in self._client.stream(self._endpoint, request):
            completion.add(delta)
        return completion

    async def _call_tools(self, completion: Completion) -> None:
        calls = completion.tool_calls
        self.messages.append(ChatMessage("assistant", completion.text, tool_calls=calls))
        self.calls.append([call.name for call in calls])
        for call in calls:
            result = await self._executor.execute(ToolCall(call.id, call.name, call.arguments))
            self.results.append(result.content)
            self.messages.append(ChatMessage("tool", result.content, tool_call_id=call.id))


@asynccontextmanager
async def running_server(tokens_per_second: float = 0) -> AsyncGenerator[DemoServer, None]:
    server = DemoServer(tokens_per_second=tokens_per_second)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def open_dialogue(workspace: Path) -> AsyncGenerator[Dialogue, None]:
    async with running_server() as server:
        client = ModelClient()
        endpoint = Endpoint(server.base_url, DEMO_MODEL_NAME, server.api_key, thinking_style="enable_thinking")
        try:
            yield Dialogue(client, replace(endpoint, retries=0), workspace)
        finally:
            await client.close()
