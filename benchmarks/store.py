"""Measures storing through the writer thread, one operation alone and many at once.

CPU time is that of all threads of the process. The floor is the same operation with Channels' `database_sync_to_async`,
which commits each one separately.
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
BAR_BATCH_SIZE = 100
POLICY = store.RunPolicy("benchmark", AvailableModels(names=("model",), default="model"), max_runs=1_000_000)
ONE_SECOND_OF_TEXT = " token" * 50

T = TypeVar("T")
Operation = Callable[[], object]
Submit = Callable[[T], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of CPU and of time, per operation."""

    cpu_us: float
    wall_us: float


async def cost_of(operations: list[T], submit: Submit[T]) -> Cost:
    """Returns the cost of operations that are all submitted at once."""
    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*map(submit, operations))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Cost(cpu / len(operations) * 1e6, wall / len(operations) * 1e6)


async def median_cost(batches: list[list[T]], submit: Submit[T]) -> Cost:
    costs = [await cost_of(operations, submit) for operations in batches]
    return Cost(statistics.median(c.cpu_us for c in costs), statistics.median(c.wall_us for c in costs))


def messages(user: User, batch_size: int) -> list[Operation]:
    """Returns operations that each add a message to its own conversation."""
    conversations = [Conversation(owner=user, title="Benchmark") for _ in range(batch_size)]
    Conversation.objects.bulk_create(conversations)
    return [partial(add_message, conversation.pk) for conversation in conversations]


def add_message(conversation_id: uuid.UUID) -> Message:
    return Message.objects.create(conversation_id=conversation_id, role=Message.Role.USER, text=ONE_SECOND_OF_TEXT)


def questions(user: User, batch_size: int) -> list[Operation]:
    """Returns operations that each create a conversation, a question, an empty answer and a run."""
    return [partial(ask, user.pk) for _ in range(batch_size)]


def ask(user_id: int) -> store.StoredQuestion:
    question = store.NewQuestion("What is the time?")
    return store.ask(question=question, options=store.RunOptions(user_id), policy=POLICY)


def checkpoints(user: User, batch_size: int) -> list[store.Progress]:
    """Returns the progress of runs: the tokens of one second in a growing step."""
    with transaction.atomic():
        return [begin_answer(user.pk) for _ in range(batch_size)]


def begin_answer(user_id: int) -> store.Progress:
    """Stores a run and the beginning of its step. Returns the progress that follows."""
    run = ask(user_id).run
    lease = store.Lease(run_id=run.pk, user_id=user_id, owner=POLICY.owner, attempt=run.attempt)
    store.save_progress([store.Progress(lease, run.message_id, checkpoint(is_new=True))])
    return store.Progress(lease, run.message_id, checkpoint(is_new=False))


def checkpoint(*, is_new: bool) -> Checkpoint:
    offset = 0 if is_new else len(ONE_SECOND_OF_TEXT)
    fields = {"iteration": 1} if is_new else {}
    return Checkpoint(writes={0: StepWrite(0, "text", is_new, offset, fields, [ONE_SECOND_OF_TEXT])})


async def run(report: Report, sizes: list[int], rounds: int) -> None:
    user = await User.objects.acreate(username="benchmark")
    writer = Writer()

    async def submit_to_writer(operation: Operation) -> object:
        return await writer.submit(operation)

    async def commit_separately(operation: Operation) -> object:
        return await database_sync_to_async(operation)()

    async def submit_progress(progress: store.Progress) -> object:
        return await writer.submit_batched(store.save_progress, progress)

    async def measure(make: Callable[[User, int], list[T]], batch_size: int, submit: Submit[T]) -> Cost:
        batches = await asyncio.to_thread(lambda: [make(user, batch_size) for _ in range(rounds)])
        return await median_cost(batches, submit)

    for submit in (submit_to_writer, commit_separately):
        await measure(messages, 1, submit)
    for batch_size in sizes:
        bar = CPU_BAR_US if batch_size == BAR_BATCH_SIZE else None
        cost = await measure(messages, batch_size, submit_to_writer)
        floor = await measure(messages, batch_size, commit_separately)
        name = f"message, {batch_size} at once"
        report.add(Figure(f"{name}, CPU", "us", cost.cpu_us, bar=bar, floor=floor.cpu_us))
        report.add(Figure(f"{name}, time", "us", cost.wall_us, floor=floor.wall_us))
    for batch_size in sizes:
        cost = await measure(questions, batch_size, submit_to_writer)
        report.add(Figure(f"question, {batch_size} at once, CPU", "us", cost.cpu_us))
    for batch_size in sizes:
        cost = await measure(checkpoints, batch_size, submit_progress)
        report.add(Figure(f"checkpoint, {batch_size} at once, CPU", "us", cost.cpu_us))
    await asyncio.to_thread(writer.stop)


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument(
        "--at-once", dest="batch_sizes", type=int, nargs="+", default=[1, 10, 100, 1000], help="operations at once"
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds; figures are their medians")
    options = parser.parse_args()
    report = Report("store")
    asyncio.run(run(report, options.batch_sizes, options.rounds))
    report.finish(options.results)


if __name__ == "__main__":
    main()
