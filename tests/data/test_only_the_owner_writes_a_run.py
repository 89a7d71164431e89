"""Every write of a run checks its lease: once the run was claimed or has ended, it stores nothing."""

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
from tests.data.rows import OWNER, finish_run, lease_of, ledger_entry, make_user, save_steps, store_question

pytestmark = pytest.mark.django_db


def one_step() -> Checkpoint:
    return Checkpoint(writes={0: StepWrite(0, "text", True, 0, {"iteration": 1}, ["words"])})


def save(stored: StoredQuestion, lease: Lease) -> Any:
    return save_steps(lease=lease, message_id=stored.message.pk, checkpoint=one_step())


def finish_iteration(stored: StoredQuestion, lease: Lease) -> Any:
    return store.finish_iteration(
        lease=lease,
        message_id=stored.message.pk,
        checkpoint=one_step(),
        entry=ledger_entry(),
        finish_reason="tool_calls",
    )


def record_call_started(stored: StoredQuestion, lease: Lease) -> Any:
    return store.record_call_started(lease=lease, message_id=stored.message.pk, call_id="a")


def finish(stored: StoredQuestion, lease: Lease) -> Any:
    return store.finish_run(
        lease=lease,
        message_id=stored.message.pk,
        checkpoint=one_step(),
        outcome=Outcome("complete", finish_reason="stop"),
        text="words",
        entry=ledger_entry(),
    )


Write = Callable[[StoredQuestion, Lease], Any]
every_write = pytest.mark.parametrize("write", [save, finish_iteration, record_call_started, finish])


def state(stored: StoredQuestion) -> tuple[int, int, str, str]:
    """Returns the numbers of steps and of usage rows, and the statuses of the run and of the answer."""
    run, message = Run.objects.get(pk=stored.run.pk), Message.objects.get(pk=stored.message.pk)
    return Step.objects.count(), TokenUsage.objects.count(), run.status, message.status


@every_write
@pytest.mark.parametrize("change", [{"owner": "another process"}, {"attempt": 2}])
def test_a_lease_of_another_owner_or_attempt_writes_nothing(write: Write, change: dict[str, Any]) -> None:
    stored = store_question()
    with pytest.raises(RunLost):
        write(stored, replace(lease_of(stored), **change))
    assert state(stored)[:3] == (0, 0, "running")


@every_write
@pytest.mark.parametrize("owner", ["another process", None])
def test_an_owner_whose_run_was_claimed_writes_nothing(write: Write, owner: str | None) -> None:
    stored = store_question()
    Run.objects.update(owner=owner, attempt=2)
    with pytest.raises(RunLost):
        write(stored, lease_of(stored))
    assert state(stored)[:3] == (0, 0, "running")


@every_write
@pytest.mark.parametrize("status", ["complete", "cancelled", "failed"])
def test_an_ended_run_is_not_written_again(write: Write, status: str) -> None:
    stored = store_question()
    finish_run(stored, status)  # type: ignore[arg-type]
    with pytest.raises(RunLost):
        write(stored, lease_of(stored))
    assert state(stored) == (0, 0, status, status)


def test_the_end_of_a_run_is_stored_with_its_outcome() -> None:
    stored = store_question()
    outcome = Outcome(
        "failed",
        error_code="rate_limited",
        error_content="Too many",
        retryable=True,
        retry_after=2.5,
        completion_tokens=7,
    )
    before = stored.conversation.updated_at
    conversation = store.finish_run(
        lease=lease_of(stored), message_id=stored.message.pk, checkpoint=one_step(), outcome=outcome, text="words"
    )
    run, message = Run.objects.get(), Message.objects.get(role="assistant")
    assert (run.status, run.error_code, run.error_content) == ("failed", "rate_limited", "Too many")
    assert (run.error_retryable, run.error_retry_after, run.completion_tokens) == (True, 2.5, 7)
    assert run.ended_at is not None
    assert (message.status, message.text, message.token_count) == ("failed", "words", 7)
    assert conversation == Conversation.objects.get()
    assert conversation.updated_at > before


def test_a_finished_iteration_stores_steps_usage_and_count() -> None:
    stored = store_question()
    finish_iteration(stored, lease_of(stored))
    usage = TokenUsage.objects.get()
    assert (usage.user, usage.run, usage.conversation) == (make_user(), stored.run, stored.conversation)
    assert (usage.iteration, usage.attempt, usage.prompt_tokens, usage.completion_tokens) == (1, 1, 10, 5)
    assert (usage.first_token_ms, usage.total_ms, usage.estimated) == (20, 300, False)
    assert Run.objects.get().iteration == 1
    assert Step.objects.count() == 1


@pytest.mark.parametrize("write", [save, finish_iteration, finish])
def test_a_deleted_run_stores_only_its_usage(write: Write) -> None:
    stored = store_question()
    lease = lease_of(stored)
    stored.conversation.delete()
    assert not write(stored, lease)
    assert Step.objects.count() == 0
    ledger = [(usage.user, usage.run, usage.conversation) for usage in TokenUsage.objects.all()]
    assert ledger == ([] if write is save else [(make_user(), None, None)])


def test_usage_is_stored_even_if_the_user_was_deleted() -> None:
    stored = store_question()
    lease = lease_of(stored)
    make_user().delete()
    finish_iteration(stored, lease)
    assert TokenUsage.objects.get().user is None


def test_no_tool_starts_for_a_deleted_run() -> None:
    stored = store_question()
    lease = lease_of(stored)
    stored.conversation.delete()
    with pytest.raises(RunLost):
        record_call_started(stored, lease)


def test_deleting_keeps_the_usage() -> None:
    stored = store_question()
    finish_iteration(stored, lease_of(stored))
    finish_run(stored)
    store.delete_conversation(user_id=make_user().pk, conversation_id=stored.conversation.pk)
    make_user().delete()
    usage = TokenUsage.objects.get()
    assert (usage.user, usage.run, usage.conversation, usage.prompt_tokens) == (None, None, None, 10)
    assert Message.objects.count() == Run.objects.count() == 0


def test_the_owner_sees_a_requested_cancel_at_its_heartbeat() -> None:
    stored = store_question()
    assert store.record_heartbeat(owner=OWNER) == {stored.run.pk: False}
    assert store.request_cancel(user_id=make_user().pk, run_id=stored.run.pk) is True
    assert store.record_heartbeat(owner="another process") == {}
    assert store.record_heartbeat(owner=OWNER) == {stored.run.pk: True}
    assert Run.objects.get().beat == 2
    finish_run(stored)
    assert store.record_heartbeat(owner=OWNER) == {}
    assert store.request_cancel(user_id=make_user().pk, run_id=stored.run.pk) is False


def test_a_user_cannot_cancel_the_run_of_another() -> None:
    stored = store_question()
    with pytest.raises(NotFound):
        store.request_cancel(user_id=make_user("eve").pk, run_id=stored.run.pk)
    assert Run.objects.get().cancel_requested is False
