"""The progress of several runs is stored together; a run that is lost, deleted or ended does not affect the others."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations import store
from conversations.models import Run, Step
from conversations.runs.checkpoint import Checkpoint, StepWrite
from conversations.store import Progress, RunLost, StoredQuestion
from tests.data.rows import finish_run, lease_of, store_question, stored_steps

pytestmark = pytest.mark.django_db


def first_progress(stored: StoredQuestion) -> Progress:
    writes = {
        0: StepWrite(0, "thinking", True, 0, {"iteration": 1}, ["Let me"]),
        1: StepWrite(1, "tool_call", True, 0, {"iteration": 1, "id_ref": "a", "name": "add"}, ['{"x"']),
    }
    return Progress(lease_of(stored), stored.message.pk, Checkpoint(writes=writes))


def further_progress(stored: StoredQuestion, words: str = " see") -> Progress:
    writes = {
        0: StepWrite(0, "thinking", False, 6, {"duration": 1.5}, [words]),
        1: StepWrite(1, "tool_call", False, 4, {}, [": 1}"]),
    }
    return Progress(lease_of(stored), stored.message.pk, Checkpoint(writes=writes))


def start_runs(count: int) -> list[StoredQuestion]:
    """Stores questions with the first progress of their runs."""
    stored = [store_question(f"Question {number}") for number in range(count)]
    assert store.save_progress([first_progress(each) for each in stored]) == [True] * count
    return stored


def test_each_run_grows_by_its_own_content() -> None:
    stored = start_runs(3)
    store.save_progress([further_progress(each, f" see {number}") for number, each in enumerate(stored)])
    for number, each in enumerate(stored):
        assert stored_steps(each.message) == [("thinking", f"Let me see {number}"), ("tool_call", '{"x": 1}')]
    assert set(Step.objects.filter(index=0).values_list("duration", "size")) == {(1.5, 12)}


def test_the_number_of_queries_does_not_grow_with_the_number_of_runs() -> None:
    counts = []
    for stored in (start_runs(2), start_runs(20)):
        progress = [further_progress(each) for each in stored]
        for each in progress:
            each.checkpoint.writes[0].fields = {}
        with CaptureQueriesContext(connection) as queries:
            store.save_progress(progress)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_lost_deleted_and_ended_runs_are_skipped_and_the_others_stored() -> None:
    kept, claimed, deleted, ended = stored = start_runs(4)
    Run.objects.filter(pk=claimed.run.pk).update(attempt=2, owner="another process")
    progress = [further_progress(each) for each in stored]
    deleted.conversation.delete()
    finish_run(ended)
    outcomes = store.save_progress(progress)
    assert (outcomes[0], outcomes[2]) == (True, False)
    assert isinstance(outcomes[1], RunLost)
    assert isinstance(outcomes[3], RunLost)
    assert stored_steps(kept.message)[0] == ("thinking", "Let me see")
    assert stored_steps(claimed.message)[0] == stored_steps(ended.message)[0] == ("thinking", "Let me")
    assert not Step.objects.filter(message_id=deleted.message.pk).exists()


def test_a_reset_of_one_run_does_not_affect_the_others() -> None:
    one, other = stored = start_runs(2)
    reset = Checkpoint(forgotten_from=1, writes={1: StepWrite(1, "text", True, 0, {"iteration": 1}, ["42"])})
    store.save_progress([Progress(lease_of(one), one.message.pk, reset), further_progress(other)])
    first, second = (stored_steps(each.message) for each in stored)
    assert first == [("thinking", "Let me"), ("text", "42")]
    assert second == [("thinking", "Let me see"), ("tool_call", '{"x": 1}')]


def test_saving_the_same_progress_twice_changes_nothing() -> None:
    stored = start_runs(2)
    progress = [further_progress(each) for each in stored]
    store.save_progress(progress)
    store.save_progress(progress)
    for each in stored:
        assert stored_steps(each.message) == [("thinking", "Let me see"), ("tool_call", '{"x": 1}')]
