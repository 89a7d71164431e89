"""The bytes sent to a client for a run grow with the length of the answer only."""

from __future__ import annotations

from typing import Any

from hypothesis import given

from conversations.runs.events import StepGrew, StepStarted
from conversations.runs.live import Cursor, LiveRun, Outcome
from conversations.websocket.protocol.notifications import run_frames
from tests.runs.live_runs import IDENTITY, actions, play

MAX_FRAME_OVERHEAD = 600
"""Bytes of a frame without its text."""
MAX_ESCAPED_BYTES = 6
"""Bytes of JSON for one byte of text."""


def send(cursor: Cursor) -> int:
    """Encodes what is new for the cursor and returns the number of bytes."""
    return sum(len(frame.encode()) for frame in run_frames(cursor))


@given(actions)
def test_each_text_is_sent_once_and_nothing_is_sent_without_changes(script: list[tuple[Any, ...]]) -> None:
    run = LiveRun(IDENTITY)
    cursor = Cursor(run)
    sent, text_bytes = 0, 0
    for action in script:
        play(run, action, [])
        if action[0] in ("grow", "result"):
            text_bytes += len(action[-1].encode())
        if action[0] in ("take", "join"):
            sent += send(cursor)
            assert send(cursor) == 0
    run.end(Outcome("complete", finish_reason="stop"))
    sent += send(cursor)
    assert sent <= MAX_ESCAPED_BYTES * text_bytes + MAX_FRAME_OVERHEAD * (len(script) + 2)


def stream(words: int, *, at_once: int) -> int:
    """Streams an answer of this many words, sends after every `at_once` words, and returns the number of bytes sent."""
    run = LiveRun(IDENTITY)
    run.apply(StepStarted(0, 1, "text"))
    cursor, sent = Cursor(run), 0
    for number in range(words):
        run.apply(StepGrew(0, "word "))
        if number % at_once == 0:
            sent += send(cursor)
    return sent + send(cursor)


def test_bytes_grow_linearly_with_the_length_of_the_answer() -> None:
    assert stream(10_000, at_once=1) < 10.1 * stream(1_000, at_once=1)


def test_a_slow_subscriber_is_sent_fewer_bytes() -> None:
    assert stream(1_000, at_once=100) < stream(1_000, at_once=1) / 10
