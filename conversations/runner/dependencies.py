"""What all runs of a process share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from conversations.db.readers import Readers
from conversations.db.writer import Writer
from conversations.llm.client import ModelClient
from conversations.providers.catalog import ModelCatalog
from tools.registry import ToolRegistry


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Limits of one run; timeouts in seconds.

    `max_attempts` counts the attempts that ended with a crash of their process, `cut_retries` the repetitions of one
    model call, `tool_result_limit` characters.
    """

    max_iterations: int = 20
    max_attempts: int = 3
    cut_retries: int = 0
    tool_max_workers: int = 8
    tool_timeout: float = 60
    tool_result_limit: int = 50_000


@dataclass(frozen=True, slots=True)
class RunDependencies:
    """The services that a run uses. `workspaces` is the folder that contains all workspaces."""

    writer: Writer
    readers: Readers
    client: ModelClient
    catalog: ModelCatalog
    tools: ToolRegistry
    limits: RunLimits
    workspaces: Path
