"""Storing: what a message costs through the writer thread, one alone and many at once.

CPU is that of the whole process, and so of all its threads. The floor is to be beaten: the same operation by Channels'
`database_sync_to_async`, a commit for each.
"""

from __future__ import annotations

import benchmarks.rig.site  # noqa: F401  # isort: skip  it sets Django up

import asyncio
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from channels.db import database_sync_to_async
from django.db import transaction

from accounts.models import User
from benchmarks.rig.report import Figure, Report, option_parser
from conversations import store
from conversations.db.writer import Writer
from conversations.models import Conversation, Message
from conversations.providers.catalog import AvailableModels
from conversations.runs.checkpoint import Checkpoint, StepWrite

CPU_BAR_US = 150.0
BAR_AT_ONCE = 100
POLICY = store.RunPolicy("benchmark", AvailableModels(names=("model",), default="model"), max_runs=1_000_000)
SECOND_OF_TOKENS = " token" * 50

T = TypeVar("T")
Operation = Callable[[], object]
Store = Callable[[T], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of CPU and of time, per operation."""

    cpu_us: float
    wall_us: float


async def cost_of(operations: list[T], keep: Store[T]) -> Cost:
    """Of operations that are all asked for at once."""
    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*map(keep, operations))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Cost(cpu / len(operations) * 1e6, wall / len(operations) * 1e6)


async def median_cost(batches: list[list[T]], keep: Store[T]) -> Cost:
    costs = [await cost_of(operations, keep) for operations in batches]
    return Cost(statistics.median(c.cpu_us for c in costs), statistics.median(c.wall_us for c in costs))


def messages(user: User, at_once: int) -> list[Operation]:
    """A message each for conversations of their own."""
    conversations = [Conversation(owner=user, title="Benchmark") for _ in range(at_once)]
    Conversation.objects.bulk_create(conversations)
    return [partial(add_message, conversation.pk) for conversation in conversations]


def add_message(conversation_id: uuid.UUID) -> Message:
    return Message.objects.create(conversation_id=conversation_id, role=Message.Role.USER, text=SECOND_OF_TOKENS)


def questions(user: User, at_once: int) -> list[Operation]:
    """All that a question brings: a new conversation, the question, the place of its answer, the run."""
    return [partial(ask, user.pk) for _ in range(at_once)]


def ask(user_id: int) -> store.StoredQuestion:
    question = store.NewQuestion("What is the time?")
    return store.ask(question=question, options=store.RunOptions(user_id), policy=POLICY)


def checkpoints(user: User, at_once: int) -> list[store.Progress]:
    """A second's tokens behind a growing step, of runs of their own."""
    with transaction.atomic():
        return [begin_answer(user.pk) for _ in range(at_once)]


def begin_answer(user_id: int) -> store.Progress:
    """Stores a run and the beginning of its step; what comes next."""
    run = ask(user_id).run
    lease = store.Lease(run_id=run.pk, user_id=user_id, owner=POLICY.owner, attempt=run.attempt)
    store.save_progress([store.Progress(lease, run.message_id, checkpoint(is_new=True))])
    return store.Progress(lease, run.message_id, checkpoint(is_new=False))


def checkpoint(*, is_new: bool) -> Checkpoint:
    offset = 0 if is_new else len(SECOND_OF_TOKENS)
    fields = {"iteration": 1} if is_new else {}
    return Checkpoint(writes={0: StepWrite(0, "text", is_new, offset, fields, [SECOND_OF_TOKENS])})


async def run(report: Report, sizes: list[int], rounds: int) -> None:
    user = await User.objects.acreate(username="benchmark")
    writer = Writer()

    async def together(operation: Operation) -> object:
        return await writer.submit(operation)

    async def one_by_one(operation: Operation) -> object:
        return await database_sync_to_async(operation)()

    async def with_others(progress: store.Progress) -> object:
        return await writer.submit_batched(store.save_progress, progress)

    async def measured(make: Callable[[User, int], list[T]], at_once: int, keep: Store[T]) -> Cost:
        batches = await asyncio.to_thread(lambda: [make(user, at_once) for _ in range(rounds)])
        return await median_cost(batches, keep)

    for keep in (together, one_by_one):
        await measured(messages, 1, keep)
    for at_once in sizes:
        bar = CPU_BAR_US if at_once == BAR_AT_ONCE else None
        cost, floor = await measured(messages, at_once, together), await measured(messages, at_once, one_by_one)
        name = f"message, {at_once} at once"
        report.add(Figure(f"{name}, CPU", "us", cost.cpu_us, bar=bar, floor=floor.cpu_us))
        report.add(Figure(f"{name}, time", "us", cost.wall_us, floor=floor.wall_us))
    for at_once in sizes:
        cost = await measured(questions, at_once, together)
        report.add(Figure(f"question, {at_once} at once, CPU", "us", cost.cpu_us))
    for at_once in sizes:
        cost = await measured(checkpoints, at_once, with_others)
        report.add(Figure(f"checkpoint, {at_once} at once, CPU", "us", cost.cpu_us))
    await asyncio.to_thread(writer.stop)


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 10, 100, 1000], help="sizes to measure")
    parser.add_argument("--rounds", type=int, default=3, help="figures are medians of so many")
    options = parser.parse_args()
    report = Report("store")
    asyncio.run(run(report, options.at_once, options.rounds))
    report.finish(options.results)


if __name__ == "__main__":
    main()
