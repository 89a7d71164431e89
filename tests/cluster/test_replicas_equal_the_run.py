"""A run that is followed in another process is the owner's, whatever becomes of the mails between them."""

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
from tests.runs.test_cursors_deliver_everything_once import IDENTITY, Follower, final, play

ENDS = [
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
post = st.one_of(
    st.tuples(st.just("send"), st.one_of(st.none(), st.integers(1, 3))),
    st.tuples(st.just("deliver"), st.integers(0, 9)),
    st.tuples(st.just("lose"), st.integers(0, 9)),
    st.tuples(st.just("watch")),
    st.tuples(st.just("claim"), st.integers(0, 3)),
    st.tuples(st.just("join")),
    st.tuples(st.just("take"), st.integers(0, 9), st.one_of(st.none(), st.integers(1, 3))),
)


def opened(mail: bytes) -> tuple[int, dict[str, Any]]:
    number, news = orjson.loads(mail)
    return number, news


class World:
    """An owner, the post, and a process where the run is followed. Every mail may come at any time, or often."""

    def __init__(self) -> None:
        self.run = LiveRun(IDENTITY)
        self.attempt = 1
        self.replica = Replica(LiveRun(IDENTITY), "owner", 1)
        self.followers = [Follower(self.replica.live)]
        self.wire: list[bytes] = []
        self.number = 0
        self.watch()

    def watch(self) -> None:
        self.cursor, self.told = Cursor(self.run), 0

    def send(self, at_most: int | None = None) -> None:
        packed = []
        for change in self.cursor.changes():
            packed.append(encode_change(self.run, change))
            if len(packed) == at_most:
                break
        self.number += 1
        news = {"attempt": self.attempt, "after": self.told, "changes": packed}
        self.told = self.number
        self.wire.append(orjson.dumps([self.number, news]))

    def deliver(self, which: int) -> None:
        if not self.replica.take(*opened(self.wire[which % len(self.wire)])):
            self.watch()

    def claim(self, kept: int) -> None:
        """Another process goes on, with the first steps alone, and says so."""
        before, self.run = self.run, LiveRun(IDENTITY)
        replace_steps(self.run, [copy(step) for step in before.in_order()[:kept]])
        self.attempt += 1
        self.number = 0
        self.replica.learn(f"owner {self.attempt}", self.attempt)
        self.watch()

    def play(self, action: tuple[Any, ...]) -> None:
        match action:
            case ("send", at_most):
                self.send(at_most)
            case ("deliver", which) if self.wire:
                self.deliver(which)
            case ("lose", which) if self.wire:
                self.wire.pop(which % len(self.wire))
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
        """The post works again: the replica goes on, or if it knows that something is missing asks for the whole."""
        while self.replica.live.outcome is None:
            if self.cursor.ended or not self.replica.is_begun:
                self.watch()
            self.send(2)
            self.deliver(-1)


def copy(step: LiveStep) -> LiveStep:
    return replace(step, chunks=[step.text])


@given(st.lists(st.one_of(changes, post), max_size=80), st.sampled_from(ENDS))
def test_whatever_becomes_of_the_mails_it_ends_the_same(script: list[tuple[Any, ...]], outcome: Outcome) -> None:
    world = World()
    for action in script:
        world.play(action)
    world.run.end(outcome)
    world.settle()
    assert final(world.replica.live) == final(world.run)
    for follower in world.followers:
        follower.take()
        assert follower.steps == final(world.run)
        assert follower.outcome == outcome
        assert follower.beginnings == 1


@given(st.lists(st.one_of(changes, st.just(("send", None)), st.just(("send", 1))), max_size=60))
def test_without_loss_nothing_is_asked_for_and_each_character_comes_once(script: list[tuple[Any, ...]]) -> None:
    world = World()
    sent = 0
    for action in script:
        world.play(action)
        for content in world.wire:
            number, news = opened(content)
            sent += sum(len(change[-1]) for change in news["changes"] if change[0] in ("step", "text"))
            assert world.replica.take(number, news)
            assert world.replica.take(number, news), "a repetition is no loss"
        world.wire.clear()
        world.followers[0].take()
    assert world.followers[0].characters == sent
    if not world.run.resets:
        assert sent <= world.run.size


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_joining_again_and_again_repeats_nothing_to_whoever_is_there(pauses: list[int]) -> None:
    world = World()
    world.run.apply(StepStarted(0, 1, "text"))
    for pause in pauses:
        world.run.apply(StepGrew(0, "word "))
        if pause == 0:
            world.watch()
        if pause < 2:
            world.send()
            world.deliver(-1)
            world.followers[0].take()
    world.run.end(ENDS[0])
    world.settle()
    world.followers[0].take()
    assert world.followers[0].characters == 5 * len(pauses)
    assert not world.replica.live.resets


def test_a_mail_that_is_missing_is_noticed_also_where_no_text_is() -> None:
    world = World()
    world.play(("start", "thinking"))
    world.send()
    world.deliver(-1)
    world.play(("finish", 0))
    world.send()
    world.play(("start", "text"))
    world.send()
    assert not world.replica.take(*opened(world.wire[2]))


def test_what_an_owner_that_lost_the_run_still_says_changes_nothing() -> None:
    world = World()
    world.number = 100
    world.play(("start", "text"))
    world.play(("grow", 0, "old"))
    world.send()
    late = world.wire.pop()
    world.claim(kept=0)
    world.play(("start", "text"))
    world.play(("grow", 0, "new"))
    world.send()
    world.deliver(-1)
    assert world.replica.take(*opened(late))
    assert [step.text for step in world.replica.live.in_order()] == ["new"]


def test_a_step_that_is_shorter_or_says_something_else_now_is_shown_anew() -> None:
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
            replica.take(number, {"attempt": 1, "after": 0, "changes": packed})
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
def test_a_step_that_is_not_as_far_now_as_it_was_shown_is_shown_anew(step: LiveStep, further: dict[str, Any]) -> None:
    heard, stored = LiveRun(IDENTITY), LiveRun(IDENTITY)
    heard.add(copy(step))
    heard.update(0, **further)
    stored.add(copy(step))
    follower = Follower(heard)
    follower.take()
    replace_steps(heard, stored.in_order())
    follower.take()
    assert heard.resets == [0]
    assert follower.steps == final(stored)


def test_what_is_stored_of_a_run_takes_the_place_of_what_was_heard_of_it() -> None:
    heard, stored = LiveRun(IDENTITY), LiveRun(IDENTITY)
    for run, words in ((heard, ("Hello ", "wor", "never")), (stored, ("Hello ", "there"))):
        for index, content in enumerate(words):
            run.apply(StepStarted(index, 1, "text"))
            run.apply(StepGrew(index, content))
    follower = Follower(heard)
    follower.take()
    replace_steps(heard, stored.in_order())
    follower.take()
    assert follower.steps == final(stored)


def test_who_does_not_understand_a_mail_does_not_ask_on_and_on() -> None:
    replica = Replica(LiveRun(IDENTITY), "owner", 1)
    strange = {"attempt": 1, "after": 0, "changes": [["run", []], ["of another version"]]}
    assert [replica.take(number, strange) for number in (1, 2, 3)] == [False, True, True]


def test_facts_of_a_step_that_is_not_there_are_a_gap() -> None:
    world = World()
    world.play(("start", "thinking"))
    list(world.cursor.changes())
    world.play(("finish", 0))
    world.send()
    number, news = opened(world.wire[0])
    assert not world.replica.take(number, news)
    assert not world.replica.live.steps
    apply_change(world.replica.live, ["run", []])
