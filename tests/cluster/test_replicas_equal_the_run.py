"""A replica ends equal to the run of the owner, whatever happens to the messages between them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.runner.cluster.replicas import Replica
from conversations.runs.codec import apply_change, encode_change, replace_steps
from conversations.runs.events import StepGrew, StepStarted
from conversations.runs.live import Cursor, LiveRun, LiveStep, Outcome
from tests.runs.live_runs import IDENTITY, Follower, final, play

OUTCOMES = [
    Outcome("complete", finish_reason="stop", prompt_tokens=3, completion_tokens=5, suggested_title="A title"),
    Outcome("failed", error_code="timeout", error_content="LLM request timed out", retryable=True, retry_after=1.5),
]

changes = st.one_of(
    st.tuples(st.just("start"), st.sampled_from(["thinking", "text", "tool_call"])),
    st.tuples(st.just("grow"), st.integers(0, 9), st.text("ab", max_size=5)),
    st.tuples(st.just("finish"), st.integers(0, 9)),
    st.tuples(st.just("result"), st.text("ab", max_size=5)),
    st.tuples(st.just("reset"), st.integers(0, 9)),
)
delivery_actions = st.one_of(
    st.tuples(st.just("send"), st.one_of(st.none(), st.integers(1, 3))),
    st.tuples(st.just("deliver"), st.integers(0, 9)),
    st.tuples(st.just("lose"), st.integers(0, 9)),
    st.tuples(st.just("watch")),
    st.tuples(st.just("claim"), st.integers(0, 3)),
    st.tuples(st.just("join")),
    st.tuples(st.just("take"), st.integers(0, 9), st.one_of(st.none(), st.integers(1, 3))),
)


def decode(message: bytes) -> tuple[int, dict[str, Any]]:
    number, update = orjson.loads(message)
    return number, update


class OwnerAndReplica:
    """An owner of a run, a replica, and the messages between them, which may arrive at any time and repeatedly."""

    def __init__(self) -> None:
        self.run = LiveRun(IDENTITY)
        self.attempt = 1
        self.replica = Replica(LiveRun(IDENTITY), "owner", 1)
        self.followers = [Follower(self.replica.live)]
        self.messages: list[bytes] = []
        self.number = 0
        self.watch()

    def watch(self) -> None:
        self.cursor, self.last_number = Cursor(self.run), 0

    def send(self, at_most: int | None = None) -> None:
        packed = []
        for change in self.cursor.changes():
            packed.append(encode_change(self.run, change))
            if len(packed) == at_most:
                break
        self.number += 1
        update = {"attempt": self.attempt, "previous": self.last_number, "changes": packed}
        self.last_number = self.number
        self.messages.append(orjson.dumps([self.number, update]))

    def deliver(self, which: int) -> None:
        if not self.replica.apply(*decode(self.messages[which % len(self.messages)])):
            self.watch()

    def claim(self, kept: int) -> None:
        """Another process claims the run, keeps its first steps, and announces itself."""
        before, self.run = self.run, LiveRun(IDENTITY)
        replace_steps(self.run, [copy(step) for step in before.in_order()[:kept]])
        self.attempt += 1
        self.number = 0
        self.replica.set_owner(f"owner {self.attempt}", self.attempt)
        self.watch()

    def play(self, action: tuple[Any, ...]) -> None:
        match action:
            case ("send", at_most):
                self.send(at_most)
            case ("deliver", which) if self.messages:
                self.deliver(which)
            case ("lose", which) if self.messages:
                self.messages.pop(which % len(self.messages))
            case ("watch",):
                self.watch()
            case ("claim", kept):
                self.claim(kept)
            case ("join",):
                self.followers.append(Follower(self.replica.live))
            case ("take", *_):
                play(self.replica.live, action, self.followers)
            case _:
                play(self.run, action, [])

    def settle(self) -> None:
        """Delivers everything from now on: the replica continues, or subscribes again if it knows of a gap."""
        while self.replica.live.outcome is None:
            if self.cursor.ended or not self.replica.is_synced:
                self.watch()
            self.send(2)
            self.deliver(-1)


def copy(step: LiveStep) -> LiveStep:
    return replace(step, chunks=[step.text])


@given(st.lists(st.one_of(changes, delivery_actions), max_size=80), st.sampled_from(OUTCOMES))
def test_a_replica_ends_equal_to_the_run_whatever_happens_to_the_messages(
    script: list[tuple[Any, ...]], outcome: Outcome
) -> None:
    pair = OwnerAndReplica()
    for action in script:
        pair.play(action)
    pair.run.end(outcome)
    pair.settle()
    assert final(pair.replica.live) == final(pair.run)
    for follower in pair.followers:
        follower.take()
        assert follower.steps == final(pair.run)
        assert follower.outcome == outcome
        assert follower.beginnings == 1


@given(st.lists(st.one_of(changes, st.just(("send", None)), st.just(("send", 1))), max_size=60))
def test_without_loss_each_character_is_sent_once_and_nothing_is_requested_again(script: list[tuple[Any, ...]]) -> None:
    pair = OwnerAndReplica()
    sent = 0
    for action in script:
        pair.play(action)
        for content in pair.messages:
            number, update = decode(content)
            sent += sum(len(change[-1]) for change in update["changes"] if change[0] in ("step", "text"))
            assert pair.replica.apply(number, update)
            assert pair.replica.apply(number, update), "a repetition is no loss"
        pair.messages.clear()
        pair.followers[0].take()
    assert pair.followers[0].characters == sent
    if not pair.run.resets:
        assert sent <= pair.run.size


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_repeated_subscriptions_repeat_nothing_to_followers(pauses: list[int]) -> None:
    pair = OwnerAndReplica()
    pair.run.apply(StepStarted(0, 1, "text"))
    for pause in pauses:
        pair.run.apply(StepGrew(0, "word "))
        if pause == 0:
            pair.watch()
        if pause < 2:
            pair.send()
            pair.deliver(-1)
            pair.followers[0].take()
    pair.run.end(OUTCOMES[0])
    pair.settle()
    pair.followers[0].take()
    assert pair.followers[0].characters == 5 * len(pauses)
    assert not pair.replica.live.resets


def test_a_missing_message_without_text_is_detected() -> None:
    pair = OwnerAndReplica()
    pair.play(("start", "thinking"))
    pair.send()
    pair.deliver(-1)
    pair.play(("finish", 0))
    pair.send()
    pair.play(("start", "text"))
    pair.send()
    assert not pair.replica.apply(*decode(pair.messages[2]))


def test_messages_from_a_former_owner_change_nothing() -> None:
    pair = OwnerAndReplica()
    pair.number = 100
    pair.play(("start", "text"))
    pair.play(("grow", 0, "old"))
    pair.send()
    late = pair.messages.pop()
    pair.claim(kept=0)
    pair.play(("start", "text"))
    pair.play(("grow", 0, "new"))
    pair.send()
    pair.deliver(-1)
    assert pair.replica.apply(*decode(late))
    assert [step.text for step in pair.replica.live.in_order()] == ["new"]


def test_a_step_that_became_shorter_or_different_is_reset() -> None:
    for before, now in (
        ("Hello wor", "Hello"),
        ("Hello wor", "Hello there, you"),
        ("x" * 150_000 + "a", "x" * 150_001),
    ):
        known, owned = LiveRun(IDENTITY), LiveRun(IDENTITY)
        for run, content in ((known, before), (owned, now)):
            run.apply(StepStarted(0, 1, "text"))
            run.apply(StepGrew(0, content))
        follower = Follower(known)
        follower.take()
        replica = Replica(known, "owner", 1)
        for number in (1, 2):
            packed = [encode_change(owned, change) for change in Cursor(owned).changes()]
            replica.apply(number, {"attempt": 1, "previous": 0, "changes": packed})
        follower.take()
        assert follower.steps == final(owned)
        assert known.resets == [0]


@pytest.mark.parametrize(
    ("step", "further"),
    [
        (LiveStep(0, 1, "tool_call", "call_1", "write_file", "running"), {"status": "finished"}),
        (LiveStep(0, 1, "thinking"), {"duration": 1.5}),
    ],
    ids=["call", "thinking"],
)
def test_a_step_that_is_stored_in_an_earlier_state_than_shown_is_reset(step: LiveStep, further: dict[str, Any]) -> None:
    received, stored = LiveRun(IDENTITY), LiveRun(IDENTITY)
    received.add(copy(step))
    received.update(0, **further)
    stored.add(copy(step))
    follower = Follower(received)
    follower.take()
    replace_steps(received, stored.in_order())
    follower.take()
    assert received.resets == [0]
    assert follower.steps == final(stored)


def test_stored_steps_replace_received_steps() -> None:
    received, stored = LiveRun(IDENTITY), LiveRun(IDENTITY)
    for run, words in ((received, ("Hello ", "wor", "never")), (stored, ("Hello ", "there"))):
        for index, content in enumerate(words):
            run.apply(StepStarted(index, 1, "text"))
            run.apply(StepGrew(index, content))
    follower = Follower(received)
    follower.take()
    replace_steps(received, stored.in_order())
    follower.take()
    assert follower.steps == final(stored)


def test_a_replica_asks_only_once_after_messages_that_it_cannot_decode() -> None:
    replica = Replica(LiveRun(IDENTITY), "owner", 1)
    undecodable = {"attempt": 1, "previous": 0, "changes": [["run", []], ["of another version"]]}
    assert [replica.apply(number, undecodable) for number in (1, 2, 3)] == [False, True, True]


def test_an_update_of_a_missing_step_is_a_gap() -> None:
    pair = OwnerAndReplica()
    pair.play(("start", "thinking"))
    list(pair.cursor.changes())
    pair.play(("finish", 0))
    pair.send()
    number, update = decode(pair.messages[0])
    assert not pair.replica.apply(number, update)
    assert not pair.replica.live.steps
    apply_change(pair.replica.live, ["run", []])
