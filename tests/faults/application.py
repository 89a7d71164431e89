"""The product's application, with places where a test can hold it and with the patience that a test has.

A file in FAULTS_PLACES holds whoever comes to the place of its name, until it is gone; then something is in it. Places:

- `OPERATION-before-commit` and `OPERATION-after-commit`, in the writer thread: of the operations of the store in
  OPERATIONS, and of `store_result`, which is a save_progress that has a tool's result;
- `read-PATH`, `write-PATH-before` and `write-PATH-after`, in the thread of a tool that reads or writes the file;
- `model-call-after-tools`, before the model is asked again;
- `end`, before a run's end is stored.

Every file that a tool has written is a line in VAR_DIR/effects.
"""

from __future__ import annotations

import asyncio
import functools
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import tests.faults.clock  # noqa: F401  first: before anybody takes the right one
from chatsite.asgi import application as application  # it sets Django up

from django.conf import settings  # isort: skip
from django.db import transaction  # isort: skip

from conversations import consumers, store
from conversations.runner import runner
from conversations.runner.run_task import RunTask
from tools.workspace import Workspace

OPERATIONS = ("ask_once", "begin_attempt", "finish_iteration", "finish_run", "record_call_started")
PLACES = Path(os.environ["FAULTS_PLACES"])
POLL = 0.005

T = TypeVar("T")


def is_held(place: str) -> bool:
    return (PLACES / place).exists()


def hold(place: str) -> None:
    if is_held(place):
        (PLACES / place).write_text("reached")
    while is_held(place):
        time.sleep(POLL)


async def stay(place: str) -> None:
    """As `hold`, for what happens in the event loop: the rest of it goes on."""
    if is_held(place):
        await asyncio.to_thread(hold, place)


def holding(name: str, operation: Callable[..., T]) -> Callable[..., T]:
    """The operation, which can be held with all that is to be committed, and when that is done."""

    @functools.wraps(operation)
    def carry_out(*arguments: Any, **named: Any) -> T:
        result = operation(*arguments, **named)
        hold(f"{name}-before-commit")
        transaction.on_commit(functools.partial(hold, f"{name}-after-commit"))
        return result

    return carry_out


def save_progress(growing: Sequence[store.Progress]) -> Any:
    writes = [write for progress in growing for write in progress.checkpoint.writes.values()]
    has_result = any(write.type == "tool_result" for write in writes)
    return (storing_result if has_result else storing_steps)(growing)


def read(self: Workspace, path: str) -> bytes:
    hold(f"read-{path}")
    return reading(self, path)


def write(self: Workspace, path: str, content: bytes) -> bool:
    hold(f"write-{path}-before")
    created = writing(self, path, content)
    with (settings.VAR_DIR / "effects").open("a") as effects:
        effects.write(f"{path}\n")
    hold(f"write-{path}-after")
    return created


async def results_stored(self: RunTask) -> None:
    await waiting(self)
    if any(step.type == "tool_result" for step in self.live.in_order()):
        await stay("model-call-after-tools")


async def end(self: RunTask, outcome: Any) -> None:
    await stay("end")
    await ending(self, outcome)


for operation in OPERATIONS:
    setattr(store, operation, holding(operation, getattr(store, operation)))
storing_steps, storing_result = store.save_progress, holding("store_result", store.save_progress)
reading, writing, waiting, ending = Workspace.read, Workspace.write, RunTask._wait_for_results, RunTask._finish
for owner, name, held in (
    (store, "save_progress", save_progress),
    (Workspace, "read", read),
    (Workspace, "write", write),
    (RunTask, "_wait_for_results", results_stored),
    (RunTask, "_finish", end),
):
    setattr(owner, name, held)

consumers.UNREAD_TIMEOUT = float(os.environ.get("FAULTS_UNREAD_SECONDS", consumers.UNREAD_TIMEOUT))  # type: ignore[assignment]
runner.WRITE_TIMEOUT = float(os.environ.get("FAULTS_PATIENCE", runner.WRITE_TIMEOUT))
