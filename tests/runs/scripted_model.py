"""A model that says what a test tells it to, without a network, and a run made with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from conversations.llm.errors import LLMError
from conversations.llm.types import (
    ChatMessage,
    CompletionRequest,
    Delta,
    Finish,
    FunctionDefinition,
    TextDelta,
    ToolCallDelta,
)
from conversations.runs.events import ResultAdded, RunEvent
from conversations.runs.loop import RunPlan, execute_run
from tools.executor import ToolExecutor
from tools.types import Tool, ToolContext, ToolUser


class Silence:
    """In a reply: nothing more comes. `reached` is set when it begins."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()

    async def last(self) -> None:
        self.reached.set()
        await asyncio.Event().wait()


Reply = Sequence[Delta | LLMError | Silence]
QUESTION = (ChatMessage("system", "Be brief."), ChatMessage("user", "How much is it?"))


class ScriptedModel:
    """Gives one reply after another, the last one for ever. An error in a reply is raised."""

    def __init__(self, *replies: Reply) -> None:
        self.requests: list[CompletionRequest] = []
        self.closed = 0
        self._replies = replies

    async def stream(self, request: CompletionRequest) -> AsyncGenerator[Delta, None]:
        self.requests.append(request)
        reply = self._replies[min(len(self.requests), len(self._replies)) - 1]
        try:
            for item in reply:
                if isinstance(item, LLMError):
                    raise item
                if isinstance(item, Silence):
                    await item.last()
                else:
                    yield item
        finally:
            self.closed += 1


def says(*words: str) -> Reply:
    return [*map(TextDelta, words), Finish("stop")]


def asks(*calls: tuple[str, str], ids: Sequence[str] = ()) -> Reply:
    """A reply that asks for tools, each by name and JSON arguments; under ids a, b, c ... if none are given."""
    names = ids or "abcdefghijklmnopqrstuvwxyz"
    deltas = [
        ToolCallDelta(n, call_id, name, arguments)
        for n, ((name, arguments), call_id) in enumerate(zip(calls, names, strict=False))
    ]
    return [*deltas, Finish("tool_calls")]


def executor_of(*tools: Tool, **options: Any) -> ToolExecutor:
    context = ToolContext(user=ToolUser(1, "ada"), workspace=Path("/nowhere"))
    return ToolExecutor({tool.name: tool for tool in tools}, context, **{"timeout": 5.0, **options})


def run_of(
    model: ScriptedModel, *tools: Tool, executor: ToolExecutor | None = None, clock: Any = None, **plan: Any
) -> AsyncGenerator[RunEvent, None]:
    """A run over QUESTION with these tools, without back-off; `plan` overrides fields of the RunPlan."""
    defined = tuple(FunctionDefinition(tool.name, tool.description, tool.parameters) for tool in tools)
    made = RunPlan(**{"messages": QUESTION, "max_iterations": 5, "tools": defined, **plan})
    timing = {"clock": clock} if clock else {}
    return execute_run(made, stream=model.stream, executor=executor or executor_of(*tools), backoff=0, **timing)


async def events_of(run: AsyncGenerator[RunEvent, None]) -> list[RunEvent]:
    async with aclosing(run):
        return [event async for event in run]


def results(events: Sequence[RunEvent]) -> list[ResultAdded]:
    return [event for event in events if isinstance(event, ResultAdded)]
