from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tools.executor import ToolExecutor
from tools.types import Tool, ToolCall, ToolContext, ToolEvent, ToolResult, ToolUser

Payload = dict[str, Any]


@pytest.fixture
def tool_context(tmp_path: Path) -> ToolContext:
    return ToolContext(user=ToolUser(7, "ada"), workspace=tmp_path / "workspace")


@pytest.fixture
def executor(tool_context: ToolContext) -> Callable[..., ToolExecutor]:
    """Makes an executor of the given tools, with a short time limit."""

    def make(*tools: Tool, **options: Any) -> ToolExecutor:
        return ToolExecutor({tool.name: tool for tool in tools}, tool_context, **{"timeout": 5.0, **options})

    return make


class Batch:
    """The outcome of a batch of calls: its events, its results in call order, and their decoded JSON payloads."""

    def __init__(self, events: Sequence[ToolEvent]) -> None:
        self.events = list(events)
        ended = {event.call_id: event for event in self.events if isinstance(event, ToolResult)}
        self.results = [ended[call_id] for call_id in sorted(ended, key=lambda call_id: int(call_id.split("-")[1]))]
        self.payloads: list[Payload] = [json.loads(result.content) for result in self.results]
        self.skipped = [result.skipped for result in self.results]


def calls(*asked: tuple[str, object]) -> list[ToolCall]:
    return [
        ToolCall(f"call-{n}", name, arguments if isinstance(arguments, str) else json.dumps(arguments))
        for n, (name, arguments) in enumerate(asked)
    ]


@pytest.fixture
def batch() -> Callable[..., Any]:
    async def run(executor: ToolExecutor, *asked: tuple[str, object]) -> Batch:
        return Batch([event async for event in executor.execute_many(calls(*asked))])

    return run


@pytest.fixture
def run_tool(executor: Callable[..., ToolExecutor]) -> Callable[..., Any]:
    """Returns a function that calls one tool once and returns the decoded JSON payload for the model."""

    async def run(tool: Tool, arguments: object = "", **options: Any) -> Payload:
        result = await executor(tool, **options).execute(calls((tool.name, arguments))[0])
        payload: Payload = json.loads(result.content)
        assert payload["success"] is result.success
        return payload

    return run
