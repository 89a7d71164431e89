from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import connection
from django.db.models import Model
from django.forms.models import model_to_dict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from conversations.models import Conversation, Message, Run, Step, TokenUsage

history = pytest.mark.parametrize("model", [Message, Step, Run, TokenUsage], ids=lambda model: model.__name__)


def url_of(model: type[Model], page: str, *args: object) -> str:
    return reverse(f"admin:conversations_{model._meta.model_name}_{page}", args=args)


@history
def test_history_cannot_be_added_to(root: Client, exchange: Callable[..., Run], model: type[Model]) -> None:
    exchange()
    before = model._default_manager.count()
    assert root.post(url_of(model, "add"), {}).status_code == 403
    assert model._default_manager.count() == before


@history
def test_history_cannot_be_changed(root: Client, exchange: Callable[..., Run], model: type[Model]) -> None:
    exchange()
    row = model._default_manager.all()[0]
    before = model_to_dict(row)
    forged = {"text": "forged", "content": "forged", "status": "complete", "prompt_tokens": 0, "model": "forged"}
    assert root.post(url_of(model, "change", row.pk), forged).status_code == 403
    row.refresh_from_db()
    assert model_to_dict(row) == before


@history
def test_history_rows_cannot_be_deleted_individually(
    root: Client, exchange: Callable[..., Run], model: type[Model]
) -> None:
    exchange()
    row = model._default_manager.all()[0]
    assert root.post(url_of(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert model._default_manager.filter(pk=row.pk).exists()


@history
def test_history_cannot_be_deleted_by_an_action(root: Client, exchange: Callable[..., Run], model: type[Model]) -> None:
    exchange()
    before = set(model._default_manager.values_list("pk", flat=True))
    root.post(
        url_of(model, "changelist"),
        {"action": "delete_selected", ACTION_CHECKBOX_NAME: [str(pk) for pk in before], "post": "yes"},
    )
    assert set(model._default_manager.values_list("pk", flat=True)) == before


def test_only_the_title_and_the_archived_flag_of_a_conversation_are_editable(
    root: Client, exchange: Callable[..., Run]
) -> None:
    conversation = exchange().conversation
    leaf = conversation.leaf
    form = {"title": "Renamed", "archived": "on", "system_prompt": "forged", "model": "forged", "leaf": ""}
    assert root.post(url_of(Conversation, "change", conversation.pk), form).status_code == 302
    conversation.refresh_from_db()
    assert (conversation.title, conversation.archived) == ("Renamed", True)
    assert (conversation.system_prompt, conversation.model, conversation.leaf) == ("words", "words", leaf)


def test_renaming_a_conversation_updates_only_the_title(root: Client, exchange: Callable[..., Run]) -> None:
    conversation = exchange().conversation
    with CaptureQueriesContext(connection) as queries:
        root.post(url_of(Conversation, "change", conversation.pk), {"title": "Renamed"})
    updates = [q["sql"] for q in queries if q["sql"].startswith('UPDATE "conversations_conversation"')]
    assert len(updates) == 1
    assert updates[0].startswith("""UPDATE "conversations_conversation" SET "title" = 'Renamed' WHERE""")
