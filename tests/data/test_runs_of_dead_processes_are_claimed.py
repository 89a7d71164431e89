"""A live run of a dead process belongs to the process that claims it, and to no other any more."""

from __future__ import annotations

import pytest

from conversations import store
from conversations.models import Run, Step, TokenUsage
from conversations.queries.leases import leases_of_others
from conversations.runs.checkpoint import Checkpoint
from tests.data.rows import finish_run, lease_of, ledger_entry, save_steps, store_question, text_step

pytestmark = pytest.mark.django_db

CLAIMER = "the claiming process"


@pytest.mark.parametrize("owner", ["the dead process", None])
@pytest.mark.parametrize("status", ["running", "awaiting_approval"])
def test_a_live_run_of_another_owner_is_claimed(owner: str | None, status: str) -> None:
    store_question(owner="the dead process")
    Run.objects.update(owner=owner, status=status)
    claimed = store.claim_runs(owner=CLAIMER, leases=leases_of_others(CLAIMER))
    run = Run.objects.get()
    assert [each.pk for each in claimed] == [run.pk]
    assert (run.owner, run.attempt, run.status) == (CLAIMER, 2, status)


def test_a_claim_counts_as_a_crash_unless_the_run_was_handed_over() -> None:
    store_question(owner="the dead process")
    store.claim_runs(owner="another process", leases=leases_of_others("another process"))
    Run.objects.update(owner=None)
    store.claim_runs(owner=CLAIMER, leases=leases_of_others(CLAIMER))
    run = Run.objects.get()
    assert (run.attempt, run.crashes) == (3, 1)


def test_the_previous_owner_cannot_write_a_claimed_run() -> None:
    stored = store_question(owner="the dead process")
    store.claim_runs(owner=CLAIMER, leases=leases_of_others(CLAIMER))
    with pytest.raises(store.RunLost):
        save_steps(lease=lease_of(stored), message_id=stored.message.pk, checkpoint=Checkpoint())


def test_ended_runs_and_own_runs_are_not_claimed() -> None:
    finish_run(store_question())
    store_question(owner=CLAIMER)
    assert store.claim_runs(owner=CLAIMER, leases=leases_of_others(CLAIMER)) == []


def test_discarded_steps_are_deleted_and_counted_in_the_ledger() -> None:
    stored = store_question(owner="the dead process")
    for index, words in enumerate(["kept", "discarded", "discarded too"]):
        step = text_step(words)
        step.message, step.index = stored.message, index
        step.save()
    (claimed,) = store.claim_runs(owner=CLAIMER, leases=leases_of_others(CLAIMER))
    lease = store.Lease(claimed.pk, claimed.user_id, CLAIMER, claimed.attempt)
    store.begin_attempt(lease=lease, message_id=stored.message.pk, model="small", forgotten_from=1, cut_tokens=3)
    assert [step.content for step in Step.objects.all()] == ["kept"]
    usage = TokenUsage.objects.get()
    assert (usage.attempt, usage.iteration, usage.completion_tokens, usage.estimated) == (1, 1, 3, True)


def test_a_retry_that_a_crash_cut_is_counted_in_addition_to_the_first_call() -> None:
    stored = store_question(owner="the dead process")
    store.cut_iteration(
        lease=lease_of(stored), message_id=stored.message.pk, checkpoint=Checkpoint(), entry=ledger_entry()
    )
    (claimed,) = store.claim_runs(owner=CLAIMER, leases=leases_of_others(CLAIMER))
    lease = store.Lease(claimed.pk, claimed.user_id, CLAIMER, claimed.attempt)
    store.begin_attempt(lease=lease, message_id=stored.message.pk, model="small", forgotten_from=0, cut_tokens=3)
    ledger = TokenUsage.objects.order_by("retry").values_list("attempt", "iteration", "retry", "completion_tokens")
    assert list(ledger) == [(1, 1, 0, 5), (1, 1, 1, 3)]
