"""Measures whether the cost per token grows with the length of an answer, over 1, 10 and 100 times its length.

Measures sending each token to a subscriber, sending the complete answer to a late subscriber, and storing the tokens
of each second. `floor` is the figure of the shortest answer, so `ratio` is the growth.
"""

from __future__ import annotations

import benchmarks.rig.site  # noqa: F401  # isort: skip  it sets Django up

import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db import transaction

from accounts.models import User
from benchmarks.rig.report import Figure, Report, option_parser
from benchmarks.rig.stamps import TOKEN_BYTES
from conversations import store
from conversations.providers.catalog import AvailableModels
from conversations.queries.stored_runs import run_identity
from conversations.runs.checkpoint import take_checkpoint
from conversations.runs.events import StepGrew, StepStarted
from conversations.runs.live import Cursor, LiveRun
from conversations.websocket.protocol.notifications import run_frames

TOKEN = " token".ljust(TOKEN_BYTES)
TOKENS_PER_SECOND = 50
GROWTH_BAR = 1.5


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost per token. `bytes` is None if nothing is sent."""

    cpu_us: float
    bytes: float | None


Scenario = Callable[[store.StoredQuestion, int], Cost]


def grow(asked: store.StoredQuestion, tokens: int) -> Iterator[LiveRun]:
    """Yields the live run after each token."""
    run = LiveRun(run_identity(asked.run))
    run.apply(StepStarted(index=0, iteration=1, type="text"))
    for _ in range(tokens):
        run.apply(StepGrew(0, TOKEN))
        yield run


def send_each_token(asked: store.StoredQuestion, tokens: int) -> Cost:
    """Sends each token by itself to a subscriber."""
    size, cursor = 0, None
    started = time.process_time()
    for run in grow(asked, tokens):
        cursor = cursor or Cursor(run)
        size += sum(map(len, run_frames(cursor)))
    return Cost((time.process_time() - started) / tokens * 1e6, size / tokens)


def send_late(asked: store.StoredQuestion, tokens: int) -> Cost:
    """Sends the complete answer to a subscriber that arrives at its end."""
    *_, run = grow(asked, tokens)
    started = time.process_time()
    size = sum(map(len, run_frames(Cursor(run))))
    return Cost((time.process_time() - started) / tokens * 1e6, size / tokens)


def store_each_second(asked: store.StoredQuestion, tokens: int) -> Cost:
    """Stores and commits the tokens of each second."""
    lease = store.Lease(run_id=asked.run.pk, user_id=asked.run.user_id, owner=POLICY.owner, attempt=asked.run.attempt)
    used, cursor = 0.0, None
    for number, run in enumerate(grow(asked, tokens), 1):
        cursor = cursor or Cursor(run)
        if number % TOKENS_PER_SECOND == 0:
            started = time.process_time()
            with transaction.atomic():
                store.save_progress([store.Progress(lease, asked.message.pk, take_checkpoint(cursor))])
            used += time.process_time() - started
    return Cost(used / tokens * 1e6, None)


POLICY = store.RunPolicy("benchmark", AvailableModels(names=("model",), default="model"), max_runs=1_000_000)
SCENARIOS: dict[str, Scenario] = {"sent": send_each_token, "sent late": send_late, "stored": store_each_second}


def measure(scenario: Scenario, user: User, tokens: int, rounds: int) -> Cost:
    costs = [scenario(ask(user), tokens) for _ in range(rounds)]
    return Cost(statistics.median(cost.cpu_us for cost in costs), costs[0].bytes)


@transaction.atomic
def ask(user: User) -> store.StoredQuestion:
    return store.ask(question=store.NewQuestion(uuid.uuid4().hex), options=store.RunOptions(user.pk), policy=POLICY)


def run(report: Report, tokens: int, factors: list[int], rounds: int) -> None:
    user = User.objects.create(username="benchmark")
    for name, scenario in SCENARIOS.items():
        costs = [measure(scenario, user, tokens * factor, rounds) for factor in factors]
        for factor, cost in zip(factors, costs, strict=True):
            what = f"{name}, {tokens * factor:,} tokens"
            report.add(_growth(f"{what}, CPU per token", "us", cost.cpu_us, costs[0].cpu_us))
        for factor, cost in zip(factors, costs, strict=True):
            if cost.bytes is not None and costs[0].bytes is not None:
                what = f"{name}, {tokens * factor:,} tokens"
                report.add(_growth(f"{what}, per token", "bytes", cost.bytes, costs[0].bytes))


def _growth(what: str, unit: str, value: float, shortest: float) -> Figure:
    return Figure(what, unit, value, bar=shortest * GROWTH_BAR, floor=shortest)


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--tokens", type=int, default=500, help="tokens of the shortest answer")
    parser.add_argument("--factors", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--rounds", type=int, default=3, help="rounds; figures are their medians")
    options = parser.parse_args()
    report = Report("growth")
    run(report, options.tokens, options.factors, options.rounds)
    report.finish(options.results)


if __name__ == "__main__":
    main()
