"""Where a run goes on whose process has ended: behind its last finished model call.

Results of tools are kept. A call that had only read is made again; one with side effects that had started is told to
the model as of unknown outcome, so that it happened at most once. A model call that was cut is made again.
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
from conversations.runs.model_call import Round
from tools.types import Tool, ToolCall, ToolResult

OUTCOME_UNKNOWN = (
    "The server stopped while this was running. Whether it took effect is not known: look before you do it again."
)


@dataclass(frozen=True, slots=True)
class Resumption:
    """What is there of a run. `kept` are its steps in order; those from `forgotten_from` on are void. `unknown` are the
    ids of calls that may have happened. Tokens are those of the ledger, `cut_tokens` those of the void steps."""

    kept: Sequence[LiveStep]
    forgotten_from: int | None
    rounds: Sequence[Round]
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
        """The calls that have results, for the executor's memory of what was done."""
        return [
            (ToolCall(call.id, call.name, call.arguments), made.results[call.id])
            for made in self.rounds
            for _, call in made.calls
            if call.id in made.results
        ]


def load_resumption(run: Run, tools: Mapping[str, Tool]) -> Resumption:
    """Reads the database."""
    steps = [live_step(step) for step in Step.objects.filter(message_id=run.message_id).order_by("index")]
    kept = [step for step in steps if step.iteration <= run.iteration]
    void = [step for step in steps if step.iteration > run.iteration]
    rounds = [_round(number, kept, run) for number in range(1, run.iteration + 1)]
    counted = TokenUsage.objects.filter(run=run).aggregate(
        prompt=Coalesce(Sum("prompt_tokens"), 0), completion=Coalesce(Sum("completion_tokens"), 0)
    )
    return Resumption(
        kept=kept,
        forgotten_from=void[0].index if void else None,
        rounds=rounds,
        unknown=_unknown(rounds[-1], kept, tools) if rounds else frozenset(),
        prompt_tokens=counted["prompt"],
        completion_tokens=counted["completion"],
        cut_tokens=sum(estimate_tokens(step.text) for step in void),
    )


def _round(number: int, kept: Sequence[LiveStep], run: Run) -> Round:
    steps = [step for step in kept if step.iteration == number]
    return Round(
        iteration=number,
        text="".join(step.text for step in steps if step.type == "text"),
        thinking="".join(step.text for step in steps if step.type == "thinking"),
        calls=[(s.index, FunctionCall(s.id_ref, s.name, s.text)) for s in steps if s.type == "tool_call"],
        results={step.id_ref: _result(step) for step in steps if step.type == "tool_result"},
        finish_reason=cast(FinishReason, run.finish_reason or None) if number == run.iteration else None,
    )


def _result(step: LiveStep) -> ToolResult:
    return ToolResult(step.id_ref, step.name, step.text, bool(step.success), step.skipped, step.execution_time or 0.0)


def _unknown(last: Round, kept: Sequence[LiveStep], tools: Mapping[str, Tool]) -> frozenset[str]:
    """A tool that is not known any more counts as one with side effects."""
    started = {step.id_ref for step in kept if step.type == "tool_call" and step.status == "running"}
    return frozenset(
        call.id
        for _, call in last.calls
        if call.id in started and call.id not in last.results and not _only_reads(tools.get(call.name))
    )


def _only_reads(tool: Tool | None) -> bool:
    return tool is not None and tool.read_only
