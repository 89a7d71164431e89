"""Conversion of stored runs and steps to LiveRun and LiveStep, so that the same code shows both."""

from __future__ import annotations

from conversations.models import Run, Step
from conversations.runs.live import LiveRun, LiveStep, Outcome, RunIdentity


def run_identity(run: Run) -> RunIdentity:
    return RunIdentity(
        run_id=str(run.pk),
        conversation_id=str(run.conversation_id),
        message_id=str(run.message_id),
        user_message_id=str(run.user_message_id),
        user_id=run.user_id,
        model=run.model,
        started_at=run.started_at,
    )


def live_step(step: Step) -> LiveStep:
    live = LiveStep(
        index=step.index,
        iteration=step.iteration,
        type=step.type,  # type: ignore[arg-type]  # a constraint allows no other
        id_ref=step.id_ref,
        name=step.name,
        status=step.status or None,  # type: ignore[arg-type]
        duration=step.duration,
        success=step.success,
        skipped=step.skipped,
        execution_time=step.execution_time,
    )
    live.append(step.arguments if step.type == Step.Type.TOOL_CALL else step.content)
    live.size = step.size
    return live


def restore_run(run: Run) -> LiveRun:
    """Returns a run with its stored steps, without an outcome. One query."""
    live = LiveRun(run_identity(run))
    for step in Step.objects.filter(message_id=run.message_id).order_by("index"):
        live.add(live_step(step))
    return live


def restore_ended_run(run: Run) -> LiveRun:
    """Returns a run that has ended, with all its steps and its outcome. One query."""
    live = restore_run(run)
    outcome = Outcome(
        status=run.status,  # type: ignore[arg-type]  # not live, as it has ended
        finish_reason=run.finish_reason,
        prompt_tokens=run.prompt_tokens,
        completion_tokens=run.completion_tokens,
        suggested_title=run.suggested_title,
        error_code=run.error_code,
        error_content=run.error_content,
        retryable=run.error_retryable,
        retry_after=run.error_retry_after,
    )
    live.end(outcome)
    return live
