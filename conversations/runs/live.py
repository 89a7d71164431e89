"""A live run in memory, and cursors over it.

A step's text is a list of chunks that only grows. Each follower of a run has a cursor: how much of each step it has
seen. What is new to it is the difference, so a late or slow follower gets everything once, in fewer, larger pieces, and
nothing is queued.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from conversations.runs.events import (
    CallProgressed,
    CallStatus,
    CallStatusChanged,
    ResultAdded,
    StepEvent,
    StepGrew,
    StepsReset,
    StepStarted,
    StepType,
    ThinkingFinished,
)

MAX_PART = 100_000
"""Characters of a step in one change, by default: less than 1 MB as JSON, whatever the characters are."""


@dataclass(slots=True)
class LiveStep:
    """A step of a live run. `execution_time` and `duration` are in seconds, `size` in characters.

    `version` counts the changes of fields other than the text; `revision` is the run's revision at the last change of
    any kind; `since` is the step's start on the monotonic clock.
    """

    index: int
    iteration: int
    type: StepType
    id_ref: str = ""
    name: str = ""
    status: CallStatus | None = None
    progress: str | None = None
    duration: float | None = None
    success: bool | None = None
    skipped: bool = False
    execution_time: float | None = None
    chunks: list[str] = field(default_factory=list)
    size: int = 0
    version: int = 0
    revision: int = 0
    since: float = field(default_factory=time.monotonic)

    def append(self, text: str) -> None:
        self.chunks.append(text)
        self.size += len(text)

    @property
    def text(self) -> str:
        return "".join(self.chunks)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. `retry_after` is in seconds."""

    status: Literal["complete", "cancelled", "failed"]
    finish_reason: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    suggested_title: str | None = None
    error_code: str = ""
    error_content: str = ""
    retryable: bool = False
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """The ids and facts that identify a run to its followers."""

    run_id: str
    conversation_id: str
    message_id: str
    user_message_id: str
    user_id: int
    model: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class RunShown:
    """The first change of every cursor."""


@dataclass(frozen=True, slots=True)
class StepShown:
    """A step that is new to the cursor, with the first part of its text."""

    step: LiveStep
    text: str


@dataclass(frozen=True, slots=True)
class StepAppended:
    """`text` follows the first `offset` characters of the step."""

    step: LiveStep
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class StepUpdated:
    """A field of the step other than its text has changed."""

    step: LiveStep


@dataclass(frozen=True, slots=True)
class StepsForgotten:
    """The steps with this index and above are void."""

    index: int


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The last change of every cursor."""

    outcome: Outcome


Change = RunShown | StepShown | StepAppended | StepUpdated | StepsForgotten | RunEnded


def answer_text(steps: Sequence[LiveStep]) -> str:
    """Returns the text of the last model call, empty if it wrote none."""
    last = max((step.iteration for step in steps), default=0)
    return "".join(step.text for step in steps if step.type == "text" and step.iteration == last)


class LiveRun:
    """The steps of one run so far, changed by one task and followed by any number of cursors in the same event loop."""

    def __init__(self, identity: RunIdentity) -> None:
        self.identity = identity
        self.steps: dict[int, LiveStep] = {}
        """By index, in the order of their last change: a cursor finds what is new from the end."""
        self.resets: list[int] = []
        self.revision = 0
        self.outcome: Outcome | None = None
        self._followers: list[Callable[[], None]] = []

    @property
    def is_followed(self) -> bool:
        return bool(self._followers)

    def follow(self, wake: Callable[[], None]) -> None:
        """Calls `wake` at every change. It must be cheap."""
        self._followers.append(wake)

    def unfollow(self, wake: Callable[[], None]) -> None:
        if wake in self._followers:
            self._followers.remove(wake)

    @property
    def size(self) -> int:
        """Characters of all steps."""
        return sum(step.size for step in self.steps.values())

    def in_order(self) -> list[LiveStep]:
        return [self.steps[index] for index in sorted(self.steps)]

    def add(self, step: LiveStep) -> None:
        """Adds a step, such as a stored one of a run that is resumed or shown after its end."""
        self.steps[step.index] = step
        self._touch(step)

    def end(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self._wake_followers()

    def apply(self, event: StepEvent) -> None:
        match event:
            case StepGrew():
                self.extend(event.index, event.text)
            case StepStarted():
                status: CallStatus | None = "streaming" if event.type == "tool_call" else None
                self.add(LiveStep(event.index, event.iteration, event.type, event.id_ref, event.name, status))
            case ThinkingFinished():
                self.update(event.index, duration=event.duration)
            case CallStatusChanged():
                self.update(event.index, status=event.status, progress=None)
            case CallProgressed():
                self.update(event.index, progress=event.line)
            case ResultAdded():
                self.add(_result_step(event))
            case StepsReset():
                self.forget(event.index)

    def extend(self, index: int, text: str) -> None:
        step = self.steps[index]
        step.append(text)
        self._touch(step)

    def update(self, index: int, **facts: object) -> None:
        """Sets fields of the step other than its text."""
        step = self.steps[index]
        for name, value in facts.items():
            setattr(step, name, value)
        step.version += 1
        self._touch(step)

    def forget(self, index: int) -> None:
        """Removes the steps with this index and above."""
        self.resets.append(index)
        for void in [i for i in self.steps if i >= index]:
            del self.steps[void]
        self._wake_followers()

    def _touch(self, step: LiveStep) -> None:
        step.revision = self.revision + 1
        self.steps[step.index] = self.steps.pop(step.index)
        self._wake_followers()

    def _wake_followers(self) -> None:
        self.revision += 1
        for wake in self._followers:
            wake()


def _result_step(event: ResultAdded) -> LiveStep:
    step = LiveStep(event.index, event.iteration, "tool_result", event.id_ref, event.name)
    step.success, step.skipped, step.execution_time = event.success, event.skipped, event.execution_time
    step.append(event.content)
    return step


class _StepCursor:
    """How much of one step a cursor has seen."""

    __slots__ = ("chunks", "size", "version", "within")

    def __init__(self, version: int) -> None:
        self.version = version
        self.size = 0
        self.chunks = 0
        self.within = 0
        """Characters seen of the chunk after those."""

    def take(self, step: LiveStep, at_most: int) -> str:
        """Returns the next `at_most` characters of the text, which count as seen; empty at the end."""
        room, parts = at_most, []
        while room and self.chunks < len(step.chunks):
            chunk = step.chunks[self.chunks]
            part = chunk[self.within : self.within + room] if self.within or len(chunk) > room else chunk
            parts.append(part)
            room -= len(part)
            self.within += len(part)
            if self.within == len(chunk):
                self.chunks, self.within = self.chunks + 1, 0
        text = "".join(parts)
        self.size += len(text)
        return text


class Cursor:
    """A follower's position in a run. `max_part` limits the characters of a change, and may be set at any time."""

    def __init__(self, run: LiveRun) -> None:
        self.run = run
        self.max_part = MAX_PART
        self.ended = False
        self._shown = False
        self._seen: dict[int, _StepCursor] = {}
        self._revision = -1
        self._resets = len(run.resets)

    @property
    def behind(self) -> bool:
        return not self.ended and self._revision != self.run.revision

    @property
    def unseen(self) -> int:
        """Characters of the steps that it has not seen."""
        seen = {index: seen.size for index, seen in self._seen.items()}
        return sum(step.size - seen.get(index, 0) for index, step in self.run.steps.items())

    def changes(self) -> Iterator[Change]:
        """Yields what is new, in order. If the caller stops after any change, the rest comes the next time."""
        if self.ended:
            return
        if not self._shown:
            self._shown = True
            yield RunShown()
        revision = self.run.revision
        yield from self._new_resets()
        for step in self._changed_steps():
            yield from self._step_changes(step)
        self._revision = revision
        if self.run.outcome is not None and self.run.revision == revision:
            self.ended = True
            yield RunEnded(self.run.outcome)

    def _new_resets(self) -> Iterator[Change]:
        missed = self.run.resets[self._resets :]
        self._resets += len(missed)
        index = min(missed, default=0)
        void = [i for i in self._seen if i >= index] if missed else []
        for i in void:
            del self._seen[i]
        if void:
            yield StepsForgotten(index)

    def _changed_steps(self) -> list[LiveStep]:
        found = []
        for step in reversed(self.run.steps.values()):
            if step.revision <= self._revision:
                break
            found.append(step)
        return sorted(found, key=lambda step: step.index)

    def _step_changes(self, step: LiveStep) -> Iterator[Change]:
        seen = self._seen.get(step.index)
        if seen is None:
            seen = self._seen[step.index] = _StepCursor(step.version)
            yield StepShown(step, seen.take(step, self.max_part))
        while text := seen.take(step, self.max_part):
            yield StepAppended(step, seen.size - len(text), text)
        if seen.version != step.version:
            seen.version = step.version
            yield StepUpdated(step)
