"""What many answers have grown by is stored together; what became of one of their runs is no matter of the others."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations import store
from conversations.models import Run, Step
from conversations.runs.checkpoint import Checkpoint, StepWrite
from conversations.store import Progress, RunLost, StoredQuestion
from tests.data.rows import asked, ended, lease_of, stored_steps

pytestmark = pytest.mark.django_db


def begun(made: StoredQuestion) -> Progress:
    writes = {
        0: StepWrite(0, "thinking", True, 0, {"iteration": 1}, ["Let me"]),
        1: StepWrite(1, "tool_call", True, 0, {"iteration": 1, "id_ref": "a", "name": "add"}, ['{"x"']),
    }
    return Progress(lease_of(made), made.message.pk, Checkpoint(writes=writes))


def grown(made: StoredQuestion, words: str = " see") -> Progress:
    writes = {
        0: StepWrite(0, "thinking", False, 6, {"duration": 1.5}, [words]),
        1: StepWrite(1, "tool_call", False, 4, {}, [": 1}"]),
    }
    return Progress(lease_of(made), made.message.pk, Checkpoint(writes=writes))


def several(count: int) -> list[StoredQuestion]:
    made = [asked(f"Question {number}") for number in range(count)]
    assert store.save_progress([begun(each) for each in made]) == [True] * count
    return made


def test_each_grows_by_its_own_words() -> None:
    made = several(3)
    store.save_progress([grown(each, f" see {number}") for number, each in enumerate(made)])
    for number, each in enumerate(made):
        assert stored_steps(each.message) == [("thinking", f"Let me see {number}"), ("tool_call", '{"x": 1}')]
    assert set(Step.objects.filter(index=0).values_list("duration", "size")) == {(1.5, 12)}


def test_ten_times_as_many_take_no_more_queries_to_grow() -> None:
    counts = []
    for made in (several(2), several(20)):
        progress = [grown(each) for each in made]
        for each in progress:
            each.checkpoint.writes[0].fields = {}
        with CaptureQueriesContext(connection) as queries:
            store.save_progress(progress)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_run_that_is_lost_or_deleted_or_over_is_left_alone_and_the_others_are_stored() -> None:
    kept, taken, deleted, over = made = several(4)
    Run.objects.filter(pk=taken.run.pk).update(attempt=2, owner="another process")
    progress = [grown(each) for each in made]
    deleted.conversation.delete()
    ended(over)
    outcomes = store.save_progress(progress)
    assert (outcomes[0], outcomes[2]) == (True, False)
    assert isinstance(outcomes[1], RunLost)
    assert isinstance(outcomes[3], RunLost)
    assert stored_steps(kept.message)[0] == ("thinking", "Let me see")
    assert stored_steps(taken.message)[0] == stored_steps(over.message)[0] == ("thinking", "Let me")
    assert not Step.objects.filter(message_id=deleted.message.pk).exists()


def test_what_one_forgets_the_others_keep() -> None:
    one, other = made = several(2)
    anew = Checkpoint(forgotten_from=1, writes={1: StepWrite(1, "text", True, 0, {"iteration": 1}, ["42"])})
    store.save_progress([Progress(lease_of(one), one.message.pk, anew), grown(other)])
    first, second = (stored_steps(each.message) for each in made)
    assert first == [("thinking", "Let me"), ("text", "42")]
    assert second == [("thinking", "Let me see"), ("tool_call", '{"x": 1}')]


def test_doing_so_again_changes_nothing() -> None:
    made = several(2)
    progress = [grown(each) for each in made]
    store.save_progress(progress)
    store.save_progress(progress)
    for each in made:
        assert stored_steps(each.message) == [("thinking", "Let me see"), ("tool_call", '{"x": 1}')]
