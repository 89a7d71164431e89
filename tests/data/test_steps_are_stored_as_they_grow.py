"""A checkpoint appends what is new in a live run to its stored steps; storing it twice changes nothing."""

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
from tests.data.rows import lease_of, save_steps, store_question, stored_steps

pytestmark = pytest.mark.django_db


class StoredRun:
    """A live run and its rows."""

    def __init__(self) -> None:
        self.stored = store_question()
        self.live = LiveRun(run_identity(self.stored.run))
        self._cursor = Cursor(self.live)

    def apply(self, *events: StepEvent) -> Checkpoint:
        """Applies the events to the live run and returns a checkpoint of what is new."""
        for event in events:
            self.live.apply(event)
        return take_checkpoint(self._cursor)

    def write(self, checkpoint: Checkpoint) -> None:
        save_steps(lease=lease_of(self.stored), message_id=self.stored.message.pk, checkpoint=checkpoint)

    def save(self, *events: StepEvent) -> None:
        self.write(self.apply(*events))

    @property
    def rows(self) -> list[tuple[str, str]]:
        return stored_steps(self.stored.message)

    def assert_rows_equal_live_steps(self) -> None:
        rows = Step.objects.filter(message=self.stored.message).order_by("index")
        assert [fields(live_step(row)) for row in rows] == [fields(step) for step in self.live.in_order()]


def fields(step: LiveStep) -> tuple[object, ...]:
    call = (step.id_ref, step.name, step.status, step.success, step.skipped, step.execution_time)
    return step.index, step.iteration, step.type, step.text, step.size, step.duration, *call


def test_new_content_is_appended() -> None:
    run = StoredRun()
    run.save(StepStarted(0, 1, "thinking"), StepGrew(0, "Let "), StepGrew(0, "me"))
    assert run.rows == [("thinking", "Let me")]
    run.save(StepGrew(0, " see"), ThinkingFinished(0, 1.5), StepStarted(1, 1, "text"), StepGrew(1, "It is"))
    run.save(StepGrew(1, " 42"))
    assert run.rows == [("thinking", "Let me see"), ("text", "It is 42")]
    run.assert_rows_equal_live_steps()


def test_the_content_of_a_tool_call_is_stored_as_its_arguments() -> None:
    run = StoredRun()
    run.save(StepStarted(0, 1, "tool_call", "a", "add"), StepGrew(0, '{"x"'))
    run.save(StepGrew(0, ": 1}"), CallStatusChanged(0, "running"))
    run.save(CallStatusChanged(0, "finished"), ResultAdded(1, 1, "a", "add", '{"success": true}', True, False, 0.2))
    call = Step.objects.get(index=0)
    assert (call.arguments, call.content, call.size, call.status) == ('{"x": 1}', "", 8, "finished")
    run.assert_rows_equal_live_steps()


def test_reset_steps_are_deleted_and_stored_again() -> None:
    run = StoredRun()
    run.save(StepStarted(0, 1, "text"), StepGrew(0, "kept"), StepStarted(1, 2, "text"), StepGrew(1, "reset"))
    run.save(StepsReset(1), StepStarted(1, 2, "text"), StepGrew(1, "again"))
    assert run.rows == [("text", "kept"), ("text", "again")]
    run.assert_rows_equal_live_steps()


def test_storing_a_checkpoint_twice_changes_nothing() -> None:
    run = StoredRun()
    for checkpoint in (
        run.apply(StepStarted(0, 1, "text"), StepGrew(0, "one ")),
        run.apply(StepGrew(0, "two "), StepStarted(1, 1, "tool_call", "a", "add")),
        run.apply(StepGrew(1, "{}"), CallStatusChanged(1, "finished"), StepGrew(0, "three")),
    ):
        run.write(checkpoint)
        run.write(checkpoint)
    assert run.rows == [("text", "one two three"), ("tool_call", "{}")]
    run.assert_rows_equal_live_steps()


def test_special_characters_are_stored_unchanged() -> None:
    text = "<b>&amp;</b> '\"\\ \u2028\u0085\r\n\t 🙂 e\u0301 %s {0}"
    run = StoredRun()
    run.save(StepStarted(0, 1, "text"), StepGrew(0, text))
    run.save(StepGrew(0, text))
    assert run.rows == [("text", text * 2)]
    assert Step.objects.get().size == len(text * 2)


def test_the_cost_of_storing_depends_only_on_the_new_content() -> None:
    run = StoredRun()
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
    """Returns the event of a generated action. None if the steps of the run do not allow it."""
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
def test_checkpoints_at_any_time_end_in_the_final_steps(script: list[tuple[str, str]]) -> None:
    run = StoredRun()
    for action, value in script:
        if action == "save":
            run.save()
        elif event := event_of(run.live, action, value):
            run.live.apply(event)
    run.save()
    run.assert_rows_equal_live_steps()
