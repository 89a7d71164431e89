"""A model that replies as a test says, without a network, and runs with it."""

from __future__ import annotations

import asyncio
import string
from collections.abc import AsyncGenerator, Callable, Sequence
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
from conversations.runs.events import IterationFinished, ResultAdded, RunEvent
from conversations.runs.loop import RunPlan, execute_run
from tools.executor import ToolExecutor
from tools.registry import tool
from tools.types import Tool, ToolContext, ToolUser


class Hang:
    """A part of a reply: from here on the model sends nothing. `reached` is set when it gets here."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()

    async def wait_forever(self) -> None:
        self.reached.set()
        await asyncio.Event().wait()


Reply = Sequence[Delta | LLMError | Hang]
MESSAGES = (ChatMessage("system", "Be brief."), ChatMessage("user", "How much is it?"))


class ScriptedModel:
    """Streams one reply per request, in order; further requests get the last one. Raises the errors in a reply."""

    def __init__(self, *replies: Reply) -> None:
        self.requests: list[CompletionRequest] = []
        self.closed = 0
        """How many of its streams have been closed."""
        self._replies = replies

    async def stream(self, request: CompletionRequest) -> AsyncGenerator[Delta, None]:
        self.requests.append(request)
        reply = self._replies[min(len(self.requests), len(self._replies)) - 1]
        try:
            for item in reply:
                if isinstance(item, LLMError):
                    raise item
                if isinstance(item, Hang):
                    await item.wait_forever()
                else:
                    yield item
        finally:
            self.closed += 1


def text_reply(*fragments: str) -> Reply:
    return [*map(TextDelta, fragments), Finish("stop")]


def tool_call_reply(*calls: tuple[str, str], ids: Sequence[str] = ()) -> Reply:
    """Returns a reply that calls tools, each given as name and JSON arguments. The default ids are a, b, c, ..."""
    deltas = [
        ToolCallDelta(n, call_id, name, arguments)
        for n, ((name, arguments), call_id) in enumerate(zip(calls, ids or string.ascii_lowercase, strict=False))
    ]
    return [*deltas, Finish("tool_calls")]


def make_executor(*tools: Tool, **options: Any) -> ToolExecutor:
    context = ToolContext(user=ToolUser(1, "ada"), workspace=Path("/nowhere"))
    return ToolExecutor({each.name: each for each in tools}, context, **{"timeout": 5.0, **options})


def start_run(
    model: ScriptedModel, *tools: Tool, executor: ToolExecutor | None = None, clock: Any = None, **plan: Any
) -> AsyncGenerator[RunEvent, None]:
    """Yields the events of a run with MESSAGES and these tools, and no pause before retries. `plan` overrides fields of
    the RunPlan."""
    functions = tuple(FunctionDefinition(each.name, each.description, each.parameters) for each in tools)
    run_plan = RunPlan(**{"messages": MESSAGES, "max_iterations": 5, "tools": functions, **plan})
    timing = {"clock": clock} if clock else {}
    return execute_run(run_plan, stream=model.stream, executor=executor or make_executor(*tools), backoff=0, **timing)


async def run_events(model: ScriptedModel, *tools: Tool, **options: Any) -> list[RunEvent]:
    """Runs to the end and returns all events. The arguments are those of `start_run`."""
    async with aclosing(start_run(model, *tools, **options)) as run:
        return [event async for event in run]


def tool_results(events: Sequence[RunEvent]) -> list[ResultAdded]:
    return [event for event in events if isinstance(event, ResultAdded)]


def finished_iterations(events: Sequence[RunEvent]) -> list[IterationFinished]:
    return [event for event in events if isinstance(event, IterationFinished)]


def fake_clock(*times: float) -> Callable[[], float]:
    """Returns a clock whose readings are these times, in order; further readings repeat the last one."""
    left = list(times)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


@tool
async def act() -> str:
    """Act."""
    return "acted"


@tool(read_only=True)
async def look(place: int) -> str:
    """Look somewhere."""
    return f"nothing at {place}"


@tool(read_only=True)
async def echo(text: str = "") -> str:
    """Repeat a text."""
    return text
