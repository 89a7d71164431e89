"""Loads what a run has stored, so that another process continues it after its last finished model call.

Tool results are kept. A call that only reads is repeated. A call with side effects that had started is reported to the
model as of unknown outcome, so that it happens at most once. An unfinished model call is repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from django.db.models import Sum
from django.db.models.functions import Coalesce

from conversations.llm.tokens import estimate_tokens
from conversations.llm.types import FinishReason, FunctionCall
from conversations.models import Run, Step, TokenUsage
from conversations.queries.stored_runs import live_step
from conversations.runs.live import LiveStep
from conversations.runs.model_call import Iteration
from tools.types import Tool, ToolCall, ToolResult

OUTCOME_UNKNOWN = (
    "The server stopped while this was running. Whether it took effect is not known: look before you do it again."
)


@dataclass(frozen=True, slots=True)
class Resumption:
    """What is stored of a run.

    `kept` are its steps in order; stored steps from index `forgotten_from` on are void, and `cut_tokens` estimates
    theirs. `unknown` are the ids of calls that may have happened. The other tokens are those of the ledger.
    """

    kept: Sequence[LiveStep]
    forgotten_from: int | None
    iterations: Sequence[Iteration]
    unknown: frozenset[str]
    prompt_tokens: int
    completion_tokens: int
    cut_tokens: int

    @property
    def next_index(self) -> int:
        return self.kept[-1].index + 1 if self.kept else 0

    @property
    def call_ids(self) -> frozenset[str]:
        return frozenset(step.id_ref for step in self.kept if step.type == "tool_call")

    @property
    def earlier(self) -> list[tuple[ToolCall, ToolResult]]:
        """The calls that have results, which the executor need not repeat."""
        return [
            (ToolCall(call.id, call.name, call.arguments), iteration.results[call.id])
            for iteration in self.iterations
            for _, call in iteration.calls
            if call.id in iteration.results
        ]


def load_resumption(run: Run, tools: Mapping[str, Tool]) -> Resumption:
    """Loads the stored steps and usage of a run from the database; `tools` are those the run may use."""
    steps = [live_step(step) for step in Step.objects.filter(message_id=run.message_id).order_by("index")]
    kept = [step for step in steps if step.iteration <= run.iteration]
    void = [step for step in steps if step.iteration > run.iteration]
    iterations = [_load_iteration(number, kept, run) for number in range(1, run.iteration + 1)]
    counted = TokenUsage.objects.filter(run=run).aggregate(
        prompt=Coalesce(Sum("prompt_tokens"), 0), completion=Coalesce(Sum("completion_tokens"), 0)
    )
    return Resumption(
        kept=kept,
        forgotten_from=void[0].index if void else None,
        iterations=iterations,
        unknown=_unknown_calls(iterations[-1], kept, tools) if iterations else frozenset(),
        prompt_tokens=counted["prompt"],
        completion_tokens=counted["completion"],
        cut_tokens=sum(estimate_tokens(step.text) for step in void),
    )


def _load_iteration(number: int, kept: Sequence[LiveStep], run: Run) -> Iteration:
    steps = [step for step in kept if step.iteration == number]
    return Iteration(
        number=number,
        text="".join(step.text for step in steps if step.type == "text"),
        thinking="".join(step.text for step in steps if step.type == "thinking"),
        calls=[(s.index, FunctionCall(s.id_ref, s.name, s.text)) for s in steps if s.type == "tool_call"],
        results={
            s.id_ref: ToolResult(s.id_ref, s.name, s.text, bool(s.success), s.skipped, s.execution_time or 0.0)
            for s in steps
            if s.type == "tool_result"
        },
        finish_reason=cast(FinishReason, run.finish_reason or None) if number == run.iteration else None,
    )


def _unknown_calls(last: Iteration, kept: Sequence[LiveStep], tools: Mapping[str, Tool]) -> frozenset[str]:
    """Returns the ids of started calls without a result; a tool that no longer exists counts as having side effects."""
    started = {step.id_ref for step in kept if step.type == "tool_call" and step.status == "running"}
    read_only = {name for name, tool in tools.items() if tool.read_only}
    return frozenset(
        call.id
        for _, call in last.calls
        if call.id in started and call.id not in last.results and call.name not in read_only
    )
