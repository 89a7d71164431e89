"""What runs are made with, the same for all runs of a process."""

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
    """Seconds, and counts of one run; `max_attempts` are those that its process does not live to hand over,
    `cut_retries` those of one model call."""

    max_iterations: int = 20
    max_attempts: int = 3
    cut_retries: int = 0
    tool_max_workers: int = 8
    tool_timeout: float = 60
    tool_result_limit: int = 50_000


@dataclass(frozen=True, slots=True)
class RunDependencies:
    """`workspaces` is the folder of all workspaces."""

    writer: Writer
    readers: Readers
    client: ModelClient
    catalog: ModelCatalog
    tools: ToolRegistry
    limits: RunLimits
    workspaces: Path
