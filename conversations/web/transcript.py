"""Prepares messages for display: pairs tool calls with their results, and renders texts that have no HTML yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from conversations import store
from conversations.markdown.rendering import render_markdown
from conversations.models import Message, Run, Step
from conversations.queries.branches import BranchMessage
from conversations.queries.usage import writing_speed


@dataclass(frozen=True, slots=True)
class DisplayStep:
    """A step, and for a tool call its result, if there is one."""

    step: Step
    result: Step | None = None

    @property
    def state(self) -> str:
        """The status of a tool call: the step's own while it has no result, then skipped, finished or failed."""
        if self.result is None:
            return self.step.status
        if self.result.skipped:
            return "skipped"
        return "finished" if self.result.success else "failed"


@dataclass(frozen=True, slots=True)
class DisplayMessage:
    """A message with its steps. `siblings` are the ids of all its versions, in order, including its own."""

    message: Message
    steps: list[DisplayStep]
    siblings: Sequence[str]
    run: Run | None = None

    @property
    def is_live(self) -> bool:
        return self.message.status == Message.Status.STREAMING

    @property
    def version(self) -> int:
        """The message's position among its siblings, from 1."""
        return self.siblings.index(str(self.message.pk)) + 1

    @property
    def incomplete_reason(self) -> str:
        """The key of the text in STRINGS that says why the answer is incomplete, or an empty string."""
        if self.message.status == Message.Status.CANCELLED:
            return "cancelled"
        reason = self.run.finish_reason if self.run else ""
        return reason if reason in ("length", "content_filter") else ""

    @property
    def retry_after(self) -> float:
        """The seconds left of the delay that the model's server asked for."""
        if self.run is None or self.run.ended_at is None or not self.run.error_retry_after:
            return 0.0
        return max(0.0, self.run.error_retry_after - (timezone.now() - self.run.ended_at).total_seconds())

    @property
    def seconds(self) -> float | None:
        """The duration of the run; None for a question, and until the run has ended."""
        if self.run is None or self.run.ended_at is None:
            return None
        return (self.run.ended_at - self.run.started_at).total_seconds()

    @property
    def tokens_per_second(self) -> str:
        """The speed as text, with a decimal below 10. Empty if it is unknown."""
        speed = writing_speed(self.run) if self.run else None
        if speed is None:
            return ""
        return f"{speed:.1f}" if speed < 10 else f"{speed:.0f}"


def prepare_messages(messages: Sequence[BranchMessage]) -> list[DisplayMessage]:
    """Returns the messages for display.

    Renders and stores the HTML of finished texts that have none yet, which takes up to two queries.
    """
    _render_texts(
        [
            step
            for branch_message in messages
            if branch_message.message.status != Message.Status.STREAMING
            for step in branch_message.steps
            if step.type == Step.Type.TEXT and step.html is None
        ]
    )
    return [DisplayMessage(m.message, _pair_results(m.steps), m.siblings, m.run) for m in messages]


def _render_texts(steps: Sequence[Step]) -> None:
    if not steps:
        return
    truncated = [step.pk for step in steps if step.size > len(step.content)]
    contents = dict(Step.objects.filter(pk__in=truncated).values_list("pk", "content")) if truncated else {}
    for step in steps:
        step.html = render_markdown(contents.get(step.pk, step.content))
    store.store_html(steps)


def _pair_results(steps: Sequence[Step]) -> list[DisplayStep]:
    """Moves each tool result to the call with its id."""
    results = {step.id_ref: step for step in steps if step.type == Step.Type.TOOL_RESULT}
    return [
        DisplayStep(step, results.get(step.id_ref) if step.type == Step.Type.TOOL_CALL else None)
        for step in steps
        if step.type != Step.Type.TOOL_RESULT
    ]


def blank_messages() -> list[DisplayMessage]:
    """Returns an empty question and an empty live answer, whose markup the script clones."""
    question = Message(role=Message.Role.USER)
    answer = Message(role=Message.Role.ASSISTANT, status=Message.Status.STREAMING)
    return [DisplayMessage(message, [], [str(message.pk)]) for message in (question, answer)]


def blank_steps() -> list[DisplayStep]:
    """Returns an empty live step of each type, whose markup the script clones."""
    types = (Step.Type.THINKING, Step.Type.TEXT, Step.Type.TOOL_CALL)
    return [DisplayStep(Step(index=0, type=type_, status=Step.Status.STREAMING)) for type_ in types]
