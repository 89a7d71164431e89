"""What is new in a live run is put behind what is stored; doing so twice changes nothing."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from conversations.models import Step
from conversations.queries.stored_runs import live_step, run_identity
from conversations.runs.checkpoint import Checkpoint, take_checkpoint
from conversations.runs.events import (
    CallStatusChanged,
    ResultAdded,
    StepEvent,
    StepGrew,
    StepsReset,
    StepStarted,
    ThinkingFinished,
)
from conversations.runs.live import Cursor, LiveRun, LiveStep
from tests.data.rows import asked, lease_of, save_steps, stored_steps

pytestmark = pytest.mark.django_db


class Stored:
    """A live run and its rows."""

    def __init__(self) -> None:
        self.asked = asked()
        self.live = LiveRun(run_identity(self.asked.run))
        self._cursor = Cursor(self.live)

    def apply(self, *events: StepEvent) -> Checkpoint:
        for event in events:
            self.live.apply(event)
        return take_checkpoint(self._cursor)

    def write(self, checkpoint: Checkpoint) -> None:
        save_steps(lease=lease_of(self.asked), message_id=self.asked.message.pk, checkpoint=checkpoint)

    def save(self, *events: StepEvent) -> None:
        self.write(self.apply(*events))

    @property
    def rows(self) -> list[tuple[str, str]]:
        return stored_steps(self.asked.message)

    def assert_same(self) -> None:
        """The rows, shown again, are the steps as they were live."""
        rows = Step.objects.filter(message=self.asked.message).order_by("index")
        assert [facts(live_step(row)) for row in rows] == [facts(step) for step in self.live.in_order()]


def facts(step: LiveStep) -> tuple[object, ...]:
    call = (step.id_ref, step.name, step.status, step.success, step.skipped, step.execution_time)
    return step.index, step.iteration, step.type, step.text, step.size, step.duration, *call


def test_growth_goes_behind_what_is_there() -> None:
    run = Stored()
    run.save(StepStarted(0, 1, "thinking"), StepGrew(0, "Let "), StepGrew(0, "me"))
    assert run.rows == [("thinking", "Let me")]
    run.save(StepGrew(0, " see"), ThinkingFinished(0, 1.5), StepStarted(1, 1, "text"), StepGrew(1, "It is"))
    run.save(StepGrew(1, " 42"))
    assert run.rows == [("thinking", "Let me see"), ("text", "It is 42")]
    run.assert_same()


def test_a_calls_words_are_its_arguments() -> None:
    run = Stored()
    run.save(StepStarted(0, 1, "tool_call", "a", "add"), StepGrew(0, '{"x"'))
    run.save(StepGrew(0, ": 1}"), CallStatusChanged(0, "running"))
    run.save(CallStatusChanged(0, "finished"), ResultAdded(1, 1, "a", "add", '{"success": true}', True, False, 0.2))
    call = Step.objects.get(index=0)
    assert (call.arguments, call.content, call.size, call.status) == ('{"x": 1}', "", 8, "finished")
    run.assert_same()


def test_what_is_void_is_forgotten_and_made_again() -> None:
    run = Stored()
    run.save(StepStarted(0, 1, "text"), StepGrew(0, "kept"), StepStarted(1, 2, "text"), StepGrew(1, "void"))
    run.save(StepsReset(1), StepStarted(1, 2, "text"), StepGrew(1, "anew"))
    assert run.rows == [("text", "kept"), ("text", "anew")]
    run.assert_same()


def test_storing_the_same_twice_changes_nothing() -> None:
    run = Stored()
    for checkpoint in (
        run.apply(StepStarted(0, 1, "text"), StepGrew(0, "one ")),
        run.apply(StepGrew(0, "two "), StepStarted(1, 1, "tool_call", "a", "add")),
        run.apply(StepGrew(1, "{}"), CallStatusChanged(1, "finished"), StepGrew(0, "three")),
    ):
        run.write(checkpoint)
        run.write(checkpoint)
    assert run.rows == [("text", "one two three"), ("tool_call", "{}")]
    run.assert_same()


def test_what_models_and_tools_wrote_is_kept_to_the_letter() -> None:
    words = "<b>&amp;</b> '\"\\ \u2028\u0085\r\n\t 🙂 e\u0301 %s {0}"
    run = Stored()
    run.save(StepStarted(0, 1, "text"), StepGrew(0, words))
    run.save(StepGrew(0, words))
    assert run.rows == [("text", words * 2)]
    assert Step.objects.get().size == len(words * 2)


def test_a_growing_step_costs_what_is_new_and_not_what_is_there() -> None:
    run = Stored()
    run.save(StepStarted(0, 1, "text"), StepGrew(0, "x" * 100_000))
    checkpoint = run.apply(StepGrew(0, "y"))
    with CaptureQueriesContext(connection) as queries:
        run.write(checkpoint)
    assert len(queries) == 2
    assert max(len(query["sql"]) for query in queries.captured_queries) < 2_000


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)
actions = st.lists(
    st.one_of(
        st.tuples(st.just("start"), st.sampled_from(["thinking", "text", "tool_call"])),
        st.tuples(st.just("grow"), words),
        st.tuples(st.just("finish"), st.just("")),
        st.tuples(st.just("result"), words),
        st.tuples(st.just("reset"), st.sampled_from(["", "x"])),
        st.tuples(st.just("save"), st.just("")),
    ),
    max_size=25,
)


def event_of(run: LiveRun, action: str, value: str) -> StepEvent | None:
    steps = run.in_order()
    index = steps[-1].index + 1 if steps else 0
    match action:
        case "start":
            return StepStarted(index, 1, value, "a", "tool")  # type: ignore[arg-type]
        case "result":
            return ResultAdded(index, 1, "a", "tool", value, False, True, 0.5)
        case "reset" if steps:
            return StepsReset(steps[-1].index if value else 0)
        case "grow" if steps and steps[-1].type != "tool_result":
            return StepGrew(steps[-1].index, value)
        case "finish" if steps and steps[0].type == "thinking":
            return ThinkingFinished(steps[0].index, len(steps) / 2)
        case "finish" if steps and steps[0].type == "tool_call":
            return CallStatusChanged(steps[0].index, "finished")
    return None


@given(actions)
def test_whenever_one_stores_the_rows_end_as_the_run_did(script: list[tuple[str, str]]) -> None:
    run = Stored()
    for action, value in script:
        if action == "save":
            run.save()
        elif event := event_of(run.live, action, value):
            run.live.apply(event)
    run.save()
    run.assert_same()
