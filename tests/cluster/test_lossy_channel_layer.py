"""The real ends of a link, over post that loses, repeats and holds up what it likes, in no time."""

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
from tests.cluster.channel_layer import Ends, Layer, joined
from tests.cluster.test_replicas_equal_the_run import changes, copy
from tests.cluster.virtual_time import run_timeless
from tests.runs.test_cursors_deliver_everything_once import Follower, final, play

END = Outcome("complete", finish_reason="stop", completion_tokens=3)
PATIENCE = 60.0
"""Seconds in which all is told once the post works again."""

Fate = Sequence[float]
"""The seconds after which a mail arrives, for each time that it does; none if it is lost."""
delays = st.sampled_from([0.0, 0.01, 1.0, 2.5, 7.0])
fates = st.lists(delays, max_size=2)
visits = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0.001, 0.5, 3.0])),
    st.tuples(st.just("join")),
    st.tuples(st.just("leave")),
    st.tuples(st.just("take"), st.integers(0, 9), st.one_of(st.none(), st.integers(1, 3))),
)


class Post(Layer):
    """`fate` says what becomes of the next mail."""

    def __init__(self, fate: Callable[[], Fate]) -> None:
        super().__init__()
        self.fate = fate
        self._under_way: set[asyncio.Task[None]] = set()

    async def send(self, channel: str, message: PeerMessage) -> None:
        for delay in [0.0] if message["type"] == ECHO else self.fate():
            task = asyncio.create_task(self._bring(delay, channel, message))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _bring(self, delay: float, channel: str, message: PeerMessage) -> None:
        await asyncio.sleep(delay)
        await super().send(channel, message)

    async def close(self) -> None:
        for task in self._under_way:
            task.cancel()


@asynccontextmanager
async def looked_after(ends: Ends) -> AsyncIterator[None]:
    """As the runner does."""

    async def look() -> None:
        while True:
            await asyncio.sleep(1)
            await ends.replicas.maintain()

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking


async def carry_out(script: Sequence[tuple[Any, ...]], ends: Ends, run: LiveRun, followers: list[Follower]) -> None:
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


def end(ends: Ends, run: LiveRun) -> None:
    """As the owner does: stores it all, and has the run no more."""
    run_id = run.identity.run_id
    stored = LiveRun(run.identity)
    replace_steps(stored, [copy(step) for step in run.in_order()])
    stored.end(END)
    ends.rows[run_id] = RunSnapshot(ends.rows[run_id].run, stored)
    del ends.made[run_id]
    run.end(END)


async def caught_up(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.1)


async def tell(script: Sequence[tuple[Any, ...]], fates: Sequence[Fate]) -> None:
    falling = itertools.cycle(fates)
    post = Post(lambda: next(falling))
    async with joined(post) as ends, looked_after(ends):
        run, row = ends.make("One ")
        followers = [ends.follow(row)]
        replicated = followers[0].cursor.run
        await carry_out(script, ends, run, followers)
        post.fate = lambda: [0.0]
        await caught_up(lambda: final(replicated) == final(run))
        post.fate = lambda: next(falling)
        end(ends, run)
        await asyncio.sleep(0.5)
        post.fate = lambda: [0.0]
        await caught_up(lambda: replicated.outcome is not None)
        for follower in followers:
            follower.take()
            assert follower.steps == final(run)
            assert follower.outcome == END
            assert follower.beginnings == 1
        await post.close()


async def bytes_told(words: int) -> int:
    """Of all mails about an answer of so many words, each of which is told as it comes."""
    post = Post(lambda: [0.001])
    async with joined(post) as ends, looked_after(ends):
        run, row = ends.make("One ")
        follower = ends.follow(row)
        sent: list[int] = []
        note = post._bring

        async def noted(delay: float, channel: str, message: PeerMessage) -> None:
            if message["type"] != ECHO:
                sent.append(len(orjson.dumps(message)))
            await note(delay, channel, message)

        post._bring = noted  # type: ignore[method-assign]
        for _ in range(words):
            run.apply(StepGrew(0, "word "))
            await asyncio.sleep(0.02)
        await ends.caught_up(follower, "One " + "word " * words)
        await post.close()
        return sum(sent)


@given(st.lists(st.one_of(changes, visits), max_size=60), st.lists(fates, min_size=1, max_size=12))
def test_everybody_ends_with_the_same(script: list[tuple[Any, ...]], fates: list[Fate]) -> None:
    run_timeless(tell(script, fates))


def test_an_answer_that_is_twice_as_long_takes_twice_the_bytes() -> None:
    once, twice = (run_timeless(bytes_told(words)) for words in (500, 1000))
    assert twice < 2.1 * once
