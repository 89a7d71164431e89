"""What answers took in tokens and time, from the ledger; read together with what they are figures of."""

from __future__ import annotations

from django.db.models import F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from conversations.models import Conversation, Run, TokenUsage

SHORTEST_MS = 100
"""Writing for less than this says nothing about a model's speed."""


def with_writing_time(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Adds `writing_ms`: how long its model calls wrote, without the wait for their first tokens; None without any."""
    calls = TokenUsage.objects.filter(run=OuterRef("pk")).order_by().values("run")
    writing = calls.annotate(ms=Sum(F("total_ms") - Coalesce("first_token_ms", 0)))
    return runs.annotate(writing_ms=Subquery(writing.values("ms")))


def writing_speed(run: Run) -> float | None:
    """Tokens per second, of a run that was read with its `writing_ms`."""
    milliseconds: int | None = getattr(run, "writing_ms", None)
    if not milliseconds or milliseconds < SHORTEST_MS or not run.completion_tokens:
        return None
    return run.completion_tokens * 1000 / milliseconds


def with_tokens(conversations: QuerySet[Conversation]) -> QuerySet[Conversation]:
    """Adds `prompt_tokens` and `completion_tokens`: of all model calls, on every branch."""
    calls = TokenUsage.objects.filter(conversation=OuterRef("pk")).order_by().values("conversation")
    return conversations.annotate(
        prompt_tokens=Coalesce(Subquery(calls.annotate(n=Sum("prompt_tokens")).values("n")), 0),
        completion_tokens=Coalesce(Subquery(calls.annotate(n=Sum("completion_tokens")).values("n")), 0),
    )
