"""Prepares a run: its plan, its tools, and what an earlier attempt has stored."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.utils import timezone

from accounts.models import Preferences
from conversations.llm.types import FunctionDefinition
from conversations.llm.usage import tool_tokens
from conversations.models import Run
from conversations.providers.catalog import CatalogEntry
from conversations.runner.dependencies import RunDependencies, RunLimits
from conversations.runner.history import load_history
from conversations.runner.resumption import Resumption, load_resumption
from conversations.runs.loop import RunPlan
from tools.types import Tool, ToolContext, ToolUser
from tools.workspace import workspace_path

ANSWER_SHARE = 4
"""Without max_tokens, one part in so many of the context window is kept free for the answer."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the loop and its tools are given. `resumption` is None for a run that starts."""

    plan: RunPlan
    context: ToolContext
    tools: dict[str, Tool]
    resumption: Resumption | None


def needs_no_reading(run: Run) -> bool:
    """Whether a run as `ask` returned it can be prepared without the database: it has no earlier messages and no
    project."""
    return run.attempt == 1 and run.user_message.parent_id is None and run.project_id is None


def load_run(run_id: uuid.UUID) -> Run:
    return Run.objects.select_related("conversation", "project", "user__preferences", "user_message").get(pk=run_id)


def prepare_run(run: Run, entry: CatalogEntry, dependencies: RunDependencies) -> Prepared:
    """Prepares a run. Reads the database unless `needs_no_reading`."""
    user = ToolUser(run.user_id, run.user.get_username())
    tools = {tool.name: tool for tool in _tools(run, entry, user, dependencies)}
    resumption = load_resumption(run, tools) if run.attempt > 1 else None
    plan = _plan(run, entry, tools, resumption, dependencies.limits)
    return Prepared(plan, _context(run, user, dependencies), tools, resumption)


def _plan(
    run: Run, entry: CatalogEntry, tools: dict[str, Tool], resumption: Resumption | None, limits: RunLimits
) -> RunPlan:
    definitions = tuple(FunctionDefinition(t.name, t.description, t.parameters) for t in tools.values())
    answer = run.max_tokens or entry.context_window // ANSWER_SHARE
    budget = entry.context_window - min(answer, entry.context_window // 2) - sum(map(tool_tokens, definitions))
    preferences = Preferences.for_user(run.user)
    today = timezone.now().astimezone(preferences.tzinfo).date()
    return RunPlan(
        messages=load_history(run=run, budget=budget, today=today, preferences=preferences),
        max_iterations=limits.max_iterations,
        tools=definitions,
        tool_choice=run.tool_choice,
        temperature=run.temperature,
        max_tokens=run.max_tokens,
        thinking_enabled=run.thinking_enabled,
        cut_retries=limits.cut_retries,
        done=resumption.iterations if resumption else (),
        next_index=resumption.next_index if resumption else 0,
        used_ids=resumption.call_ids if resumption else frozenset(),
    )


def _tools(run: Run, entry: CatalogEntry, user: ToolUser, dependencies: RunDependencies) -> list[Tool]:
    if not run.tools_enabled or not entry.tools:
        return []
    allowed = dependencies.tools.for_user(user)
    return allowed if run.tools is None else [tool for tool in allowed if tool.name in run.tools]


def _context(run: Run, user: ToolUser, dependencies: RunDependencies) -> ToolContext:
    project_id = str(run.project_id) if run.project_id else None
    conversation_id = str(run.conversation_id)
    return ToolContext(
        user=user,
        workspace=workspace_path(
            dependencies.workspaces, project_id=project_id, conversation_id=conversation_id, user_id=user.id
        ),
        conversation_id=conversation_id,
        project_id=project_id,
        run_id=str(run.pk),
        model=run.model,
        temperature=run.temperature,
        max_tokens=run.max_tokens,
    )
