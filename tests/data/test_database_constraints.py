"""The constraints of the database refuse rows that would be inconsistent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Model

from accounts.models import Preferences
from conversations.models import AcceptedRequest, Message, Run, Step, TokenUsage
from tests.data.rows import finish_run, make_user, store_question

pytestmark = pytest.mark.django_db


def update(model: type[Model], **fields: Any) -> Callable[[], object]:
    """Returns a function that updates all rows."""
    return lambda: model._default_manager.all().update(**fields)


def duplicate(model: type[Model], **fields: Any) -> Callable[[], object]:
    """Returns a function that inserts the first row again under another id, with these fields changed."""

    def insert() -> None:
        row = model._default_manager.all()[0]
        row.pk = type(row)().pk
        row._state.adding = True
        for name, value in fields.items():
            setattr(row, name, value)
        row.save(force_insert=True)

    return insert


@pytest.mark.parametrize(
    "write",
    [
        update(Message, role="system"),
        update(Message, role=""),
        update(Message, status="running"),
        update(Message, status=""),
        update(Message, rating=2),
        update(Run, status="streaming"),
        update(Run, status=""),
        update(Step, type="image"),
        update(Step, type=""),
        update(Step, status="done"),
        update(Step, index=-1),
        update(Preferences, theme="pink"),
        duplicate(Step),
        duplicate(TokenUsage),
        duplicate(AcceptedRequest),
        duplicate(Run, status="awaiting_approval"),
    ],
)
def test_invalid_rows_are_refused(write: Callable[[], object]) -> None:
    stored = store_question()
    Step.objects.create(message=stored.message, index=0, type="text")
    TokenUsage.objects.create(run=stored.run, model="small", iteration=1)
    AcceptedRequest.objects.create(user=make_user(), request_id="x", digest="y", result={})
    Preferences.objects.create(user=make_user())
    with pytest.raises(IntegrityError), transaction.atomic():
        write()


def test_a_conversation_has_at_most_one_live_run() -> None:
    stored = store_question()
    other_answer = Message.objects.create(conversation=stored.conversation, role="assistant")
    fields = {
        "user": make_user(),
        "conversation": stored.conversation,
        "user_message": stored.user_message,
        "model": "small",
    }
    for status in Run.LIVE:
        with pytest.raises(IntegrityError, match="conversation"), transaction.atomic():
            Run.objects.create(message=other_answer, status=status, **fields)
    Run.objects.create(message=other_answer, status=Run.Status.CANCELLED, **fields)


def test_ended_runs_and_other_conversations_do_not_prevent_a_live_run() -> None:
    finish_run(store_question("One"))
    first = store_question("Two")
    finish_run(first)
    Run.objects.create(
        user=make_user(),
        conversation=first.conversation,
        user_message=first.user_message,
        message=Message.objects.create(conversation=first.conversation, role="assistant"),
        model="small",
    )
    assert Run.objects.filter(status="running").count() == 1


def test_several_usage_rows_may_have_no_run() -> None:
    for _ in range(2):
        TokenUsage.objects.create(model="small", iteration=1)
    assert TokenUsage.objects.count() == 2
