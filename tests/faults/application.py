"""The ASGI application with failpoints, at which a test can hold it, and with timeouts from the environment.

Code that reaches a failpoint waits while a file of its name is in FAULTS_FAILPOINTS, and writes "reached" into it.
Failpoints:

- `OPERATION-before-commit` and `OPERATION-after-commit`, in the writer thread: for each store operation in
  OPERATIONS, and for `store_result`, which is a save_progress with the result of a tool;
- `read-PATH`, `write-PATH-before` and `write-PATH-after`, in the thread of a tool that reads or writes the file;
- `model-call-after-tools`, before the model is asked again;
- `end`, before a run's end is stored.

Each write of a file by a tool appends its path as a line to VAR_DIR/effects.
"""

from __future__ import annotations

import asyncio
import functools
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import tests.faults.clock  # noqa: F401  first, so that nothing imports the real clock
from chatsite.asgi import application as application  # sets up Django

from django.conf import settings  # isort: skip
from django.db import transaction  # isort: skip

from conversations import consumers, store
from conversations.runner import runner
from conversations.runner.run_task import RunTask
from tools.workspace import Workspace

OPERATIONS = ("ask_once", "begin_attempt", "finish_iteration", "finish_run", "record_call_started")
FAILPOINTS = Path(os.environ["FAULTS_FAILPOINTS"])
POLL = 0.005

T = TypeVar("T")


def is_held(failpoint: str) -> bool:
    return (FAILPOINTS / failpoint).exists()


def hold(failpoint: str) -> None:
    if is_held(failpoint):
        (FAILPOINTS / failpoint).write_text("reached")
    while is_held(failpoint):
        time.sleep(POLL)


async def hold_async(failpoint: str) -> None:
    """Like `hold`, but does not block the event loop."""
    if is_held(failpoint):
        await asyncio.to_thread(hold, failpoint)


def with_failpoints(name: str, operation: Callable[..., T]) -> Callable[..., T]:
    """Wraps a store operation with failpoints before and after its commit."""

    @functools.wraps(operation)
    def run_operation(*arguments: Any, **named: Any) -> T:
        result = operation(*arguments, **named)
        hold(f"{name}-before-commit")
        transaction.on_commit(functools.partial(hold, f"{name}-after-commit"))
        return result

    return run_operation


def save_progress(growing: Sequence[store.Progress]) -> Any:
    writes = [write for progress in growing for write in progress.checkpoint.writes.values()]
    has_result = any(write.type == "tool_result" for write in writes)
    return (save_result if has_result else original_save_steps)(growing)


def read(self: Workspace, path: str) -> bytes:
    hold(f"read-{path}")
    return original_read(self, path)


def write(self: Workspace, path: str, content: bytes) -> bool:
    hold(f"write-{path}-before")
    created = original_write(self, path, content)
    with (settings.VAR_DIR / "effects").open("a") as effects:
        effects.write(f"{path}\n")
    hold(f"write-{path}-after")
    return created


async def wait_for_results(self: RunTask) -> None:
    await original_wait_for_results(self)
    if any(step.type == "tool_result" for step in self.live.in_order()):
        await hold_async("model-call-after-tools")


async def finish(self: RunTask, outcome: Any) -> None:
    await hold_async("end")
    await original_finish(self, outcome)


for operation in OPERATIONS:
    setattr(store, operation, with_failpoints(operation, getattr(store, operation)))
original_save_steps, save_result = store.save_progress, with_failpoints("store_result", store.save_progress)
original_read, original_write, original_wait_for_results, original_finish = (
    Workspace.read,
    Workspace.write,
    RunTask._wait_for_results,
    RunTask._finish,
)
for owner, name, replacement in (
    (store, "save_progress", save_progress),
    (Workspace, "read", read),
    (Workspace, "write", write),
    (RunTask, "_wait_for_results", wait_for_results),
    (RunTask, "_finish", finish),
):
    setattr(owner, name, replacement)

consumers.UNREAD_TIMEOUT = float(os.environ.get("FAULTS_UNREAD_TIMEOUT", consumers.UNREAD_TIMEOUT))  # type: ignore[assignment]
runner.WRITE_TIMEOUT = float(os.environ.get("FAULTS_WRITE_TIMEOUT", runner.WRITE_TIMEOUT))
