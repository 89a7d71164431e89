"""What a process left live when it died belongs to the one that takes it, and to nobody else any more."""

from __future__ import annotations

import pytest

from conversations import store
from conversations.models import Run, Step, TokenUsage
from conversations.queries.leases import leases_of_others
from conversations.runs.checkpoint import Checkpoint
from tests.data.rows import asked, ended, lease_of, ledger_entry, save_steps, text

pytestmark = pytest.mark.django_db

NEW = "the new process"


@pytest.mark.parametrize("owner", ["the dead process", None])
@pytest.mark.parametrize("status", ["running", "awaiting_approval"])
def test_a_live_run_of_another_owner_is_taken(owner: str | None, status: str) -> None:
    asked(owner="the dead process")
    Run.objects.update(owner=owner, status=status)
    taken = store.claim_runs(owner=NEW, leases=leases_of_others(NEW))
    run = Run.objects.get()
    assert [each.pk for each in taken] == [run.pk]
    assert (run.owner, run.attempt, run.status) == (NEW, 2, status)


def test_only_a_process_that_did_not_hand_its_run_over_has_crashed() -> None:
    asked(owner="the dead process")
    store.claim_runs(owner="the second", leases=leases_of_others("the second"))
    Run.objects.update(owner=None)
    store.claim_runs(owner=NEW, leases=leases_of_others(NEW))
    run = Run.objects.get()
    assert (run.attempt, run.crashes) == (3, 1)


def test_the_dead_process_cannot_write_it_any_more() -> None:
    made = asked(owner="the dead process")
    store.claim_runs(owner=NEW, leases=leases_of_others(NEW))
    with pytest.raises(store.RunLost):
        save_steps(lease=lease_of(made), message_id=made.message.pk, checkpoint=Checkpoint())


def test_ended_runs_and_the_processs_own_are_left_alone() -> None:
    ended(asked())
    asked(owner=NEW)
    assert store.claim_runs(owner=NEW, leases=leases_of_others(NEW)) == []


def test_what_is_void_is_cleared_away_and_stays_in_the_ledger() -> None:
    made = asked(owner="the dead process")
    for index, words in enumerate(["kept", "void", "void too"]):
        step = text(words)
        step.message, step.index = made.message, index
        step.save()
    (taken,) = store.claim_runs(owner=NEW, leases=leases_of_others(NEW))
    lease = store.Lease(taken.pk, taken.user_id, NEW, taken.attempt)
    store.begin_attempt(lease=lease, message_id=made.message.pk, model="small", forgotten_from=1, cut_tokens=3)
    assert [step.content for step in Step.objects.all()] == ["kept"]
    usage = TokenUsage.objects.get()
    assert (usage.attempt, usage.iteration, usage.completion_tokens, usage.estimated) == (1, 1, 3, True)


def test_a_call_that_was_made_again_and_then_cut_by_the_end_is_counted_beside_the_first() -> None:
    made = asked(owner="the dead process")
    store.cut_iteration(lease=lease_of(made), message_id=made.message.pk, checkpoint=Checkpoint(), entry=ledger_entry())
    (taken,) = store.claim_runs(owner=NEW, leases=leases_of_others(NEW))
    lease = store.Lease(taken.pk, taken.user_id, NEW, taken.attempt)
    store.begin_attempt(lease=lease, message_id=made.message.pk, model="small", forgotten_from=0, cut_tokens=3)
    ledger = TokenUsage.objects.order_by("retry").values_list("attempt", "iteration", "retry", "completion_tokens")
    assert list(ledger) == [(1, 1, 0, 5), (1, 1, 1, 3)]
