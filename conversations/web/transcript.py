"""Messages made ready to be shown: tool calls joined with their results, texts with their stored HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils import timezone

from conversations import store
from conversations.markdown.rendering import render_markdown
from conversations.models import Message, Run, Step
from conversations.queries.branches import BranchMessage
from conversations.queries.usage import writing_speed


@dataclass(frozen=True, slots=True)
class ShownStep:
    """A step, and of a tool call its result, once there is one."""

    step: Step
    result: Step | None = None

    @property
    def state(self) -> str:
        """Of a tool call: how far it is, or how it ended."""
        if self.result is None:
            return self.step.status
        if self.result.skipped:
            return "skipped"
        return "finished" if self.result.success else "failed"


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message with its steps. `siblings` are the ids of its versions, in order, its own included."""

    message: Message
    steps: list[ShownStep]
    siblings: Sequence[str]
    run: Run | None = None

    @property
    def is_live(self) -> bool:
        return self.message.status == Message.Status.STREAMING

    @property
    def version(self) -> int:
        """Which of its siblings it is, from 1."""
        return self.siblings.index(str(self.message.pk)) + 1

    @property
    def ending(self) -> str:
        """Which of the words tells how the answer ended, if not as it should."""
        if self.message.status == Message.Status.CANCELLED:
            return "cancelled"
        reason = self.run.finish_reason if self.run else ""
        return reason if reason in ("length", "content_filter") else ""

    @property
    def wait(self) -> float:
        """Seconds from now for which the model's server wants to be left alone."""
        if self.run is None or self.run.ended_at is None or not self.run.error_retry_after:
            return 0.0
        return max(0.0, self.run.error_retry_after - (timezone.now() - self.run.ended_at).total_seconds())

    @property
    def seconds(self) -> float | None:
        """How long the answer took; None of a question, and while it is being made."""
        if self.run is None or self.run.ended_at is None:
            return None
        return (self.run.ended_at - self.run.started_at).total_seconds()

    @property
    def tokens_per_second(self) -> str:
        """As a person would say it: with a decimal only while that matters. Empty if nothing can be said."""
        speed = writing_speed(self.run) if self.run else None
        if speed is None:
            return ""
        return f"{speed:.1f}" if speed < 10 else f"{speed:.0f}"


def show(messages: Iterable[BranchMessage]) -> list[ShownMessage]:
    """At most two queries more, and those only for texts that are shown for the first time."""
    known = list(messages)
    _render(
        step
        for one in known
        if one.message.status != Message.Status.STREAMING
        for step in one.steps
        if step.type == Step.Type.TEXT and step.html is None
    )
    return [ShownMessage(one.message, join_results(one.steps), one.siblings, one.run) for one in known]


def join_results(steps: Iterable[Step]) -> list[ShownStep]:
    """In order, each tool's result with the call that asked for it."""
    known = list(steps)
    results = {step.id_ref: step for step in known if step.type == Step.Type.TOOL_RESULT}
    return [
        ShownStep(step, results.get(step.id_ref) if step.type == Step.Type.TOOL_CALL else None)
        for step in known
        if step.type != Step.Type.TOOL_RESULT
    ]


def _render(steps: Iterable[Step]) -> None:
    unrendered = list(steps)
    if not unrendered:
        return
    cut = [step.pk for step in unrendered if step.size > len(step.content)]
    whole = dict(Step.objects.filter(pk__in=cut).values_list("pk", "content")) if cut else {}
    for step in unrendered:
        step.html = render_markdown(whole.get(step.pk, step.content))
    store.store_html(unrendered)


def blank_steps() -> list[ShownStep]:
    """One of each type, from whose markup the script makes those of a live answer."""
    shown = (Step.Type.THINKING, Step.Type.TEXT, Step.Type.TOOL_CALL)
    return [ShownStep(Step(index=0, type=type_, status=Step.Status.STREAMING)) for type_ in shown]


def blank_messages() -> list[ShownMessage]:
    """A question and an answer in the making, likewise."""
    question = Message(role=Message.Role.USER)
    answer = Message(role=Message.Role.ASSISTANT, status=Message.Status.STREAMING)
    return [ShownMessage(one, [], [str(one.pk)]) for one in (question, answer)]
