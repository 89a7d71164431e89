"""The vocabulary of tools: what a model may call, with what, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel


class ToolError(Exception):
    """A tool's own refusal. Its text is told to the model as it stands, so it says what would work instead."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What the model asked for; `arguments` is JSON text exactly as the model wrote it."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the model is told. `content` is JSON text:
    {"success": true, "result": ..., "execution_time": seconds} or {"success": false, "error": "..."},
    with "skipped": true where an earlier, identical call's result serves again."""

    call_id: str
    name: str
    content: str
    success: bool
    skipped: bool = False
    execution_time: float = 0.0


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """The call passed its checks and begins now."""

    call_id: str


@dataclass(frozen=True, slots=True)
class ToolProgress:
    """A short line about a call that is under way."""

    call_id: str
    line: str


ToolEvent = ToolStarted | ToolProgress | ToolResult


@dataclass(frozen=True, slots=True)
class ToolUser:
    id: int
    username: str


@dataclass(frozen=True, slots=True)
class ToolContext:
    """For whom and in what a tool runs. A tool that takes a parameter annotated ToolContext is given it; the schema
    does not show it. `report` takes a short line about what is going on, from any thread.
    `workspace` is the folder of the project's (else the conversation's) files, which need not exist yet."""

    user: ToolUser
    workspace: Path
    conversation_id: str | None = None
    project_id: str | None = None
    run_id: str | None = None
    call_id: str | None = None
    model: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    report: Callable[[str], None] | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a model may call.

    `read_only`: changes nothing, so it may be run again. `repeatable`: a writing tool whose identical calls in one run
    are each carried out. `idempotent`: a writing tool of which the second of two identical calls changes nothing,
    unless something else was changed between them. `timeout` is in seconds (None: the executor's).
    `context_parameter` names the parameter that takes the ToolContext.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    arguments: type[BaseModel]
    function: Callable[..., Any]
    read_only: bool = False
    repeatable: bool = False
    idempotent: bool = False
    timeout: float | None = None
    category: str = "general"
    context_parameter: str | None = None
