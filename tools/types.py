"""Types for tools: what a model may call, the calls, and their results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel


class ToolError(Exception):
    """A tool refuses a call. The model receives the text unchanged, so it should say what would work instead."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model requested; `arguments` is the JSON text exactly as the model wrote it."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a call. `content` is the JSON text that the model receives:
    {"success": true, "result": ..., "execution_time": seconds} or {"success": false, "error": "..."},
    with "skipped": true if it reuses the result of an earlier, identical call."""

    call_id: str
    name: str
    content: str
    success: bool
    skipped: bool = False
    execution_time: float = 0.0


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A valid call starts."""

    call_id: str


@dataclass(frozen=True, slots=True)
class ToolProgress:
    """A short line about the progress of a call."""

    call_id: str
    line: str


ToolEvent = ToolStarted | ToolProgress | ToolResult


@dataclass(frozen=True, slots=True)
class ToolUser:
    id: int
    username: str


@dataclass(frozen=True, slots=True)
class ToolContext:
    """The user, conversation and workspace that a tool runs for.

    A tool receives it as the parameter that is annotated ToolContext, which its schema does not contain.
    `workspace` is the folder with the files of the project, or without one those of the conversation; it may not exist
    yet. `report` takes a short line about the progress of the call, from any thread.
    """

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

    `read_only`: it changes nothing, so a call can be run again.
    `repeatable`: a writing tool whose identical calls in one run are all run.
    `idempotent`: a writing tool for which the second of two identical calls changes nothing, unless something else was
    changed between them.
    `timeout`: seconds; None for the executor's timeout.
    `context_parameter`: the name of the parameter that receives the ToolContext.
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
