"""Annotations with tokens and times from TokenUsage, so that they are read with their runs or conversations."""

from __future__ import annotations

from django.db.models import F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from conversations.models import Conversation, Run, TokenUsage

MIN_WRITING_MS = 100
"""A shorter time is too imprecise for a speed."""


def with_writing_time(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Adds `writing_ms`: the time of all model calls after their first tokens. None if there were no calls."""
    calls = TokenUsage.objects.filter(run=OuterRef("pk")).order_by().values("run")
    writing = calls.annotate(ms=Sum(F("total_ms") - Coalesce("first_token_ms", 0)))
    return runs.annotate(writing_ms=Subquery(writing.values("ms")))


def writing_speed(run: Run) -> float | None:
    """Returns tokens per second of a run with `writing_ms`, or None if it is not known or the time is too short."""
    milliseconds: int | None = getattr(run, "writing_ms", None)
    if not milliseconds or milliseconds < MIN_WRITING_MS or not run.completion_tokens:
        return None
    return run.completion_tokens * 1000 / milliseconds


def with_tokens(conversations: QuerySet[Conversation]) -> QuerySet[Conversation]:
    """Adds `prompt_tokens` and `completion_tokens`: the sums over all model calls, on all branches."""
    calls = TokenUsage.objects.filter(conversation=OuterRef("pk")).order_by().values("conversation")
    return conversations.annotate(
        prompt_tokens=Coalesce(Subquery(calls.annotate(n=Sum("prompt_tokens")).values("n")), 0),
        completion_tokens=Coalesce(Subquery(calls.annotate(n=Sum("completion_tokens")).values("n")), 0),
    )
