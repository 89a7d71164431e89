"""The events of a run. `index` is the index of a step in the whole run, from 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from conversations.llm.types import CompletionRequest, FinishReason, Usage

StepType = Literal["thinking", "text", "tool_call", "tool_result"]
CallStatus = Literal["streaming", "awaiting_approval", "running", "finished"]
RunStatus = Literal["complete", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class IterationStarted:
    """A model call starts; iterations count from 1."""

    iteration: int
    request: CompletionRequest


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A thinking, text or tool_call step starts; `id_ref` and `name` are those of a call."""

    index: int
    iteration: int
    type: StepType
    id_ref: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class StepGrew:
    """`text` is appended to the step's content, or to the arguments of a tool_call."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class ThinkingFinished:
    index: int
    duration: float


@dataclass(frozen=True, slots=True)
class CallStatusChanged:
    index: int
    status: CallStatus


@dataclass(frozen=True, slots=True)
class CallProgressed:
    index: int
    line: str


@dataclass(frozen=True, slots=True)
class ResultAdded:
    """A complete tool_result step."""

    index: int
    iteration: int
    id_ref: str
    name: str
    content: str
    success: bool
    skipped: bool
    execution_time: float


@dataclass(frozen=True, slots=True)
class StepsReset:
    """The steps with this index and above are void."""

    index: int


@dataclass(frozen=True, slots=True)
class IterationFinished:
    """A model call has ended, or failed. Its tools start after this event was handled."""

    iteration: int
    usage: Usage
    first_token_ms: int | None
    total_ms: int
    failed: bool = False
    finish_reason: FinishReason | None = None


@dataclass(frozen=True, slots=True)
class IterationCut:
    """A model call broke off and is repeated: its steps are void, its usage counts."""

    iteration: int
    usage: Usage
    first_token_ms: int | None
    total_ms: int


@dataclass(frozen=True, slots=True)
class RunCompleted:
    finish_reason: Literal["stop", "length", "content_filter"]


@dataclass(frozen=True, slots=True)
class RunFailed:
    """`code` and `content` as in the table of errors in docs/protocol.md."""

    code: str
    content: str
    retryable: bool
    retry_after: float | None = None


StepEvent = StepStarted | StepGrew | ThinkingFinished | CallStatusChanged | CallProgressed | ResultAdded | StepsReset
RunEvent = IterationStarted | StepEvent | IterationCut | IterationFinished | RunCompleted | RunFailed
