"""The run of a first question is prepared from what storing it returns, without reading the database."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from accounts.models import Preferences, User
from conversations.db.readers import Readers
from conversations.db.writer import Writer
from conversations.llm.client import ModelClient
from conversations.llm.types import Endpoint
from conversations.models import Message, Project
from conversations.providers.catalog import CatalogEntry, ModelCatalog
from conversations.runner.dependencies import RunDependencies, RunLimits
from conversations.runner.preparation import load_run, needs_no_reading, prepare_run
from conversations.store import EditedQuestion, NewQuestion, RepeatedQuestion, StoredQuestion
from tests.data.rows import finish_run, make_conversation, make_user, store_question
from tools.builtin import builtin_registry

pytestmark = pytest.mark.django_db
ENTRY = CatalogEntry("small", "Small", "test", Endpoint("http://127.0.0.1:1/v1", "small"), 8192)


@pytest.fixture
def dependencies(tmp_path: Path) -> RunDependencies:
    return RunDependencies(
        writer=Writer(),
        readers=Readers(),
        client=ModelClient(),
        catalog=ModelCatalog([ENTRY]),
        tools=builtin_registry(),
        limits=RunLimits(),
        workspaces=tmp_path,
    )


def plain() -> StoredQuestion:
    return store_question("A question")


def by_user_with_preferences() -> StoredQuestion:
    user: User = make_user()
    Preferences.objects.create(user=user, about="A baker.", how_to_answer="In rhymes.", time_zone="Pacific/Auckland")
    return store_question("A question", user=user)


def in_conversation_with_settings() -> StoredQuestion:
    fields: dict[str, Any] = {
        "system_prompt": "Be brief.",
        "temperature": 0.5,
        "max_tokens": 99,
        "tools": ["calculator"],
    }
    conversation = make_conversation(title="Sums", thinking_enabled=False, **fields)
    return store_question(NewQuestion("A question", conversation_id=conversation.pk), tool_choice="required")


def without_tools() -> StoredQuestion:
    return store_question("A question", tools_enabled=False)


def edited() -> StoredQuestion:
    first = store_question("A question")
    finish_run(first)
    return store_question(EditedQuestion(first.user_message.pk, "Another"))


def repeated() -> StoredQuestion:
    first = store_question("A question")
    finish_run(first)
    return store_question(RepeatedQuestion(first.message.pk))


@pytest.mark.parametrize(
    "ask", [plain, by_user_with_preferences, in_conversation_with_settings, without_tools, edited, repeated]
)
def test_a_first_question_is_prepared_without_queries_and_the_same_as_from_its_rows(
    ask: Any, dependencies: RunDependencies, django_assert_num_queries: Any
) -> None:
    stored = cast(StoredQuestion, ask())
    assert needs_no_reading(stored.run)
    with django_assert_num_queries(0):
        prepared = prepare_run(stored.run, ENTRY, dependencies)
    assert prepared == prepare_run(load_run(stored.run.pk), ENTRY, dependencies)
    assert [message.role for message in prepared.plan.messages] == ["system", "user"]


def test_a_follow_up_question_reads_the_earlier_messages() -> None:
    first = store_question("A question")
    finish_run(first)
    follow_up = store_question(NewQuestion("Another", conversation_id=first.conversation.pk))
    assert not needs_no_reading(follow_up.run)
    assert Message.objects.count() == 4


def test_a_question_in_a_project_reads_its_instructions() -> None:
    project = Project.objects.create(owner=make_user(), name="Garden", instructions="Think of roses.")
    assert not needs_no_reading(store_question(NewQuestion("A question", project_id=project.pk)).run)


def test_a_later_attempt_reads_what_is_stored() -> None:
    run = store_question("A question").run
    run.attempt = 2
    assert not needs_no_reading(run)
