"""Whatever a program does wrong, these rows cannot come to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Model

from accounts.models import Preferences
from conversations.models import AcceptedRequest, Message, Run, Step, TokenUsage
from tests.data.rows import a_user, asked, ended

pytestmark = pytest.mark.django_db


def change(model: type[Model], **fields: Any) -> Callable[[], object]:
    return lambda: model._default_manager.all().update(**fields)


def a_second(model: type[Model], **fields: Any) -> Callable[[], object]:
    """The first row again, under another id."""

    def add() -> None:
        row = model._default_manager.all()[0]
        row.pk = type(row)().pk
        row._state.adding = True
        for name, value in fields.items():
            setattr(row, name, value)
        row.save(force_insert=True)

    return add


@pytest.mark.parametrize(
    "wrong",
    [
        change(Message, role="system"),
        change(Message, role=""),
        change(Message, status="running"),
        change(Message, status=""),
        change(Message, rating=2),
        change(Run, status="streaming"),
        change(Run, status=""),
        change(Step, type="image"),
        change(Step, type=""),
        change(Step, status="done"),
        change(Step, index=-1),
        change(Preferences, theme="pink"),
        a_second(Step),
        a_second(TokenUsage),
        a_second(AcceptedRequest),
        a_second(Run, status="awaiting_approval"),
    ],
)
def test_a_wrong_row_is_refused(wrong: Callable[[], object]) -> None:
    made = asked()
    Step.objects.create(message=made.message, index=0, type="text")
    TokenUsage.objects.create(run=made.run, model="small", iteration=1)
    AcceptedRequest.objects.create(user=a_user(), request_id="x", digest="y", result={})
    Preferences.objects.create(user=a_user())
    with pytest.raises(IntegrityError), transaction.atomic():
        wrong()


def test_a_conversation_has_one_live_run() -> None:
    made = asked()
    another = Message.objects.create(conversation=made.conversation, role="assistant")
    fields = {"user": a_user(), "conversation": made.conversation, "user_message": made.user_message, "model": "small"}
    for status in Run.LIVE:
        with pytest.raises(IntegrityError, match="conversation"), transaction.atomic():
            Run.objects.create(message=another, status=status, **fields)
    Run.objects.create(message=another, status=Run.Status.CANCELLED, **fields)


def test_another_conversation_has_its_own_and_an_ended_run_is_in_nobodys_way() -> None:
    ended(asked("One"))
    first = asked("Two")
    ended(first)
    Run.objects.create(
        user=a_user(),
        conversation=first.conversation,
        user_message=first.user_message,
        message=Message.objects.create(conversation=first.conversation, role="assistant"),
        model="small",
    )
    assert Run.objects.filter(status="running").count() == 1


def test_the_ledger_takes_rows_without_a_run_side_by_side() -> None:
    for _ in range(2):
        TokenUsage.objects.create(model="small", iteration=1)
    assert TokenUsage.objects.count() == 2
