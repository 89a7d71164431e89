"""Links and replicas over a channel layer that loses, repeats and delays messages, in virtual time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from conversations.queries.catch_up import RunSnapshot
from conversations.runner.cluster.inbox import ECHO, PeerMessage
from conversations.runs.codec import replace_steps
from conversations.runs.events import StepGrew
from conversations.runs.live import LiveRun, Outcome
from tests.cluster.channel_layer import ControlledLayer, TwoProcesses, two_processes_on
from tests.cluster.test_replicas_equal_the_run import changes, copy
from tests.cluster.virtual_time import run_in_virtual_time
from tests.runs.live_runs import Follower, final, play

END = Outcome("complete", finish_reason="stop", completion_tokens=3)
CATCH_UP_TIMEOUT = 60.0
"""Seconds in which followers catch up once the layer delivers everything again."""

Delays = Sequence[float]
"""Seconds after which each copy of a message arrives; empty if it is lost."""
delays = st.sampled_from([0.0, 0.01, 1.0, 2.5, 7.0])
delivery_delays = st.lists(delays, max_size=2)
follower_actions = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0.001, 0.5, 3.0])),
    st.tuples(st.just("join")),
    st.tuples(st.just("leave")),
    st.tuples(st.just("take"), st.integers(0, 9), st.one_of(st.none(), st.integers(1, 3))),
)


class LossyLayer(ControlledLayer):
    """Delivers the next message once after each of `next_delays()`, in seconds."""

    def __init__(self, next_delays: Callable[[], Delays]) -> None:
        super().__init__()
        self.next_delays = next_delays
        self._in_flight: set[asyncio.Task[None]] = set()

    async def send(self, channel: str, message: PeerMessage) -> None:
        for delay in [0.0] if message["type"] == ECHO else self.next_delays():
            task = asyncio.create_task(self._deliver(delay, channel, message))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)

    async def _deliver(self, delay: float, channel: str, message: PeerMessage) -> None:
        await asyncio.sleep(delay)
        await super().send(channel, message)

    async def close(self) -> None:
        for task in self._in_flight:
            task.cancel()


@asynccontextmanager
async def maintained(pair: TwoProcesses) -> AsyncIterator[None]:
    """Maintains the replicas every second, as the runner does."""

    async def maintain_forever() -> None:
        while True:
            await asyncio.sleep(1)
            await pair.replicas.maintain()

    maintaining = asyncio.create_task(maintain_forever())
    try:
        yield
    finally:
        maintaining.cancel()
        with suppress(asyncio.CancelledError):
            await maintaining


async def play_script(
    script: Sequence[tuple[Any, ...]], pair: TwoProcesses, run: LiveRun, followers: list[Follower]
) -> None:
    replicated = followers[0].cursor.run
    for action in script:
        match action:
            case ("wait", seconds):
                await asyncio.sleep(seconds)
            case ("join",):
                followers.append(Follower(replicated))
            case ("leave",) if len(followers) > 1:
                followers.pop()
            case ("take", *_):
                play(replicated, action, followers)
            case _:
                play(run, action, [])


def end_run(pair: TwoProcesses, run: LiveRun) -> None:
    """Ends the run as its owner does: stores it, drops it, and ends it."""
    run_id = run.identity.run_id
    stored = LiveRun(run.identity)
    replace_steps(stored, [copy(step) for step in run.in_order()])
    stored.end(END)
    pair.snapshots[run_id] = RunSnapshot(pair.snapshots[run_id].run, stored)
    del pair.runs[run_id]
    run.end(END)


async def until_true(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(CATCH_UP_TIMEOUT):
        while not holds():
            await asyncio.sleep(0.1)


async def check_lossy_delivery(script: Sequence[tuple[Any, ...]], delivery_delays: Sequence[Delays]) -> None:
    upcoming = itertools.cycle(delivery_delays)
    layer = LossyLayer(lambda: next(upcoming))
    async with two_processes_on(layer) as pair, maintained(pair):
        run, row = pair.create_run("One ")
        followers = [pair.follow(row)]
        replicated = followers[0].cursor.run
        await play_script(script, pair, run, followers)
        layer.next_delays = lambda: [0.0]
        await until_true(lambda: final(replicated) == final(run))
        layer.next_delays = lambda: next(upcoming)
        end_run(pair, run)
        await asyncio.sleep(0.5)
        layer.next_delays = lambda: [0.0]
        await until_true(lambda: replicated.outcome is not None)
        for follower in followers:
            follower.take()
            assert follower.steps == final(run)
            assert follower.outcome == END
            assert follower.beginnings == 1
        await layer.close()


async def bytes_sent(words: int) -> int:
    """Returns the size of all messages about an answer of so many words, each sent as it arrives."""
    layer = LossyLayer(lambda: [0.001])
    async with two_processes_on(layer) as pair, maintained(pair):
        run, row = pair.create_run("One ")
        follower = pair.follow(row)
        sent: list[int] = []
        deliver = layer._deliver

        async def counted(delay: float, channel: str, message: PeerMessage) -> None:
            if message["type"] != ECHO:
                sent.append(len(orjson.dumps(message)))
            await deliver(delay, channel, message)

        layer._deliver = counted  # type: ignore[method-assign]
        for _ in range(words):
            run.apply(StepGrew(0, "word "))
            await asyncio.sleep(0.02)
        await pair.until_text_is(follower, "One " + "word " * words)
        await layer.close()
        return sum(sent)


@given(st.lists(st.one_of(changes, follower_actions), max_size=60), st.lists(delivery_delays, min_size=1, max_size=12))
def test_every_follower_ends_with_the_run_of_the_owner(
    script: list[tuple[Any, ...]], delivery_delays: list[Delays]
) -> None:
    run_in_virtual_time(check_lossy_delivery(script, delivery_delays))


def test_an_answer_twice_as_long_takes_twice_the_bytes() -> None:
    once, twice = (run_in_virtual_time(bytes_sent(words)) for words in (500, 1000))
    assert twice < 2.1 * once
