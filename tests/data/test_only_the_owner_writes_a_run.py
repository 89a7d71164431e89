"""Every write of a run holds its row: who lost it, or whose run has ended, writes nothing more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from conversations import store
from conversations.errors import NotFound
from conversations.models import Conversation, Message, Run, Step, TokenUsage
from conversations.runs.checkpoint import Checkpoint, StepWrite
from conversations.runs.live import Outcome
from conversations.store import Lease, RunLost, StoredQuestion
from tests.data.rows import a_user, asked, ended, lease_of, ledger_entry, save_steps

pytestmark = pytest.mark.django_db


def a_step() -> Checkpoint:
    return Checkpoint(writes={0: StepWrite(0, "text", True, 0, {"iteration": 1}, ["words"])})


def save(made: StoredQuestion, lease: Lease) -> Any:
    return save_steps(lease=lease, message_id=made.message.pk, checkpoint=a_step())


def finish_iteration(made: StoredQuestion, lease: Lease) -> Any:
    return store.finish_iteration(
        lease=lease,
        message_id=made.message.pk,
        checkpoint=a_step(),
        entry=ledger_entry(),
        finish_reason="tool_calls",
    )


def note_call(made: StoredQuestion, lease: Lease) -> Any:
    return store.record_call_started(lease=lease, message_id=made.message.pk, call_id="a")


def finish(made: StoredQuestion, lease: Lease) -> Any:
    return store.finish_run(
        lease=lease,
        message_id=made.message.pk,
        checkpoint=a_step(),
        outcome=Outcome("complete", finish_reason="stop"),
        text="words",
        entry=ledger_entry(),
    )


Write = Callable[[StoredQuestion, Lease], Any]
every_write = pytest.mark.parametrize("write", [save, finish_iteration, note_call, finish])


def written(made: StoredQuestion) -> tuple[int, int, str, str]:
    run, message = Run.objects.get(pk=made.run.pk), Message.objects.get(pk=made.message.pk)
    return Step.objects.count(), TokenUsage.objects.count(), run.status, message.status


@every_write
@pytest.mark.parametrize("change", [{"owner": "another process"}, {"attempt": 2}])
def test_who_lost_the_run_writes_nothing(write: Write, change: dict[str, Any]) -> None:
    made = asked()
    with pytest.raises(RunLost):
        write(made, replace(lease_of(made), **change))
    assert written(made)[:3] == (0, 0, "running")


@every_write
@pytest.mark.parametrize("owner", ["another process", None])
def test_who_was_taken_over_writes_nothing(write: Write, owner: str | None) -> None:
    made = asked()
    Run.objects.update(owner=owner, attempt=2)
    with pytest.raises(RunLost):
        write(made, lease_of(made))
    assert written(made)[:3] == (0, 0, "running")


@every_write
@pytest.mark.parametrize("status", ["complete", "cancelled", "failed"])
def test_a_run_that_has_ended_is_not_written_again(write: Write, status: str) -> None:
    made = asked()
    ended(made, status)  # type: ignore[arg-type]
    with pytest.raises(RunLost):
        write(made, lease_of(made))
    assert written(made) == (0, 0, status, status)


def test_the_end_is_stored_with_everything_that_it_says() -> None:
    made = asked()
    outcome = Outcome(
        "failed",
        error_code="rate_limited",
        error_content="Too many",
        retryable=True,
        retry_after=2.5,
        completion_tokens=7,
    )
    before = made.conversation.updated_at
    conversation = store.finish_run(
        lease=lease_of(made), message_id=made.message.pk, checkpoint=a_step(), outcome=outcome, text="words"
    )
    run, message = Run.objects.get(), Message.objects.get(role="assistant")
    assert (run.status, run.error_code, run.error_content) == ("failed", "rate_limited", "Too many")
    assert (run.error_retryable, run.error_retry_after, run.completion_tokens) == (True, 2.5, 7)
    assert run.ended_at is not None
    assert (message.status, message.text, message.token_count) == ("failed", "words", 7)
    assert conversation == Conversation.objects.get()
    assert conversation.updated_at > before


def test_the_end_of_a_model_call_is_its_steps_its_row_of_the_ledger_and_the_count() -> None:
    made = asked()
    finish_iteration(made, lease_of(made))
    usage = TokenUsage.objects.get()
    assert (usage.user, usage.run, usage.conversation) == (a_user(), made.run, made.conversation)
    assert (usage.iteration, usage.attempt, usage.prompt_tokens, usage.completion_tokens) == (1, 1, 10, 5)
    assert (usage.first_token_ms, usage.total_ms, usage.estimated) == (20, 300, False)
    assert Run.objects.get().iteration == 1
    assert Step.objects.count() == 1


@pytest.mark.parametrize("write", [save, finish_iteration, finish])
def test_a_run_that_was_deleted_keeps_only_its_row_of_the_ledger(write: Write) -> None:
    made = asked()
    lease = lease_of(made)
    made.conversation.delete()
    assert not write(made, lease)
    assert Step.objects.count() == 0
    kept = [(usage.user, usage.run, usage.conversation) for usage in TokenUsage.objects.all()]
    assert kept == ([] if write is save else [(a_user(), None, None)])


def test_the_ledger_is_kept_also_when_the_person_is_gone() -> None:
    made = asked()
    lease = lease_of(made)
    a_user().delete()
    finish_iteration(made, lease)
    assert TokenUsage.objects.get().user is None


def test_no_tool_starts_for_a_run_that_was_deleted() -> None:
    made = asked()
    lease = lease_of(made)
    made.conversation.delete()
    with pytest.raises(RunLost):
        note_call(made, lease)


def test_deleting_keeps_what_was_used() -> None:
    made = asked()
    finish_iteration(made, lease_of(made))
    ended(made)
    store.delete_conversation(user_id=a_user().pk, conversation_id=made.conversation.pk)
    a_user().delete()
    usage = TokenUsage.objects.get()
    assert (usage.user, usage.run, usage.conversation, usage.prompt_tokens) == (None, None, None, 10)
    assert Message.objects.count() == Run.objects.count() == 0


def test_a_cancel_is_noted_for_the_owner_to_see() -> None:
    made = asked()
    assert store.record_heartbeat(owner="this process") == {made.run.pk: False}
    assert store.request_cancel(user_id=a_user().pk, run_id=made.run.pk) is True
    assert store.record_heartbeat(owner="another process") == {}
    assert store.record_heartbeat(owner="this process") == {made.run.pk: True}
    assert Run.objects.get().beat == 2
    ended(made)
    assert store.record_heartbeat(owner="this process") == {}
    assert store.request_cancel(user_id=a_user().pk, run_id=made.run.pk) is False


def test_nobody_cancels_what_is_not_theirs() -> None:
    made = asked()
    with pytest.raises(NotFound):
        store.request_cancel(user_id=a_user("eve").pk, run_id=made.run.pk)
    assert Run.objects.get().cancel_requested is False
