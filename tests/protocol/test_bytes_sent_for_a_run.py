"""What a client is sent of a run grows with the answer, and with nothing else."""

from __future__ import annotations

from typing import Any

from hypothesis import given

from conversations.runs.events import StepGrew, StepStarted
from conversations.runs.live import Cursor, LiveRun, Outcome
from conversations.websocket.protocol.notifications import run_frames
from tests.runs.test_cursors_see_everything_once import IDENTITY, actions, play

FRAME = 600
"""Bytes of a frame beside the text in it, at most."""
ESCAPED = 6
"""Bytes of one of a text's, as JSON writes it, at most."""


def size(cursor: Cursor) -> int:
    return sum(len(frame.encode()) for frame in run_frames(cursor))


@given(actions)
def test_every_word_is_sent_once_whatever_happens_and_nothing_without_news(script: list[tuple[Any, ...]]) -> None:
    run = LiveRun(IDENTITY)
    cursor = Cursor(run)
    sent, said = 0, 0
    for action in script:
        play(run, action, [])
        if action[0] in ("grow", "result"):
            said += len(action[-1].encode())
        if action[0] in ("take", "join"):
            sent += size(cursor)
            assert size(cursor) == 0
    run.end(Outcome("complete", finish_reason="stop"))
    sent += size(cursor)
    assert sent <= ESCAPED * said + FRAME * (len(script) + 2)


def streamed(words: int, *, at_once: int) -> int:
    """Bytes of an answer of so many words, of which so many wait each time that there is time to send."""
    run = LiveRun(IDENTITY)
    run.apply(StepStarted(0, 1, "text"))
    cursor, sent = Cursor(run), 0
    for number in range(words):
        run.apply(StepGrew(0, "word "))
        if number % at_once == 0:
            sent += size(cursor)
    return sent + size(cursor)


def test_an_answer_that_is_ten_times_as_long_takes_ten_times_the_bytes() -> None:
    assert streamed(10_000, at_once=1) < 10.1 * streamed(1_000, at_once=1)


def test_whoever_is_slow_is_sent_less() -> None:
    assert streamed(1_000, at_once=100) < streamed(1_000, at_once=1) / 10
