"""Pages of a user's conversations and projects, newest first, with one query each."""

from __future__ import annotations

import base64
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations.models import Project
from conversations.queries.branches import BadCursor
from conversations.queries.lists import MAX_PAGE_CHARACTERS, list_conversations, list_projects
from conversations.websocket.protocol.objects import conversation_summary
from tests.data.rows import ConversationBuilder, finish_run, make_conversation, make_user, store_question

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 2, 3, 12, tzinfo=UTC)


def titles(**options: Any) -> list[str]:
    return [row.title for row in list_conversations(user_id=make_user().pk, **options).rows]


def test_the_most_recent_activity_comes_first() -> None:
    for title, minutes in [("middle", 5), ("newest", 9), ("oldest", 1)]:
        make_conversation(title=title, updated_at=NOON + timedelta(minutes=minutes))
    assert titles() == ["newest", "middle", "oldest"]


def test_an_answer_counts_as_activity() -> None:
    first = store_question("First")
    store_question("Second")
    assert titles() == ["Second", "First"]
    finish_run(first)
    assert titles() == ["First", "Second"]


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_cursors_give_each_conversation_once_even_with_equal_times(limit: int) -> None:
    for n in range(7):
        make_conversation(title=str(n), updated_at=NOON + timedelta(microseconds=n // 3))
    page = list_conversations(user_id=make_user().pk, limit=limit)
    seen = [row.title for row in page.rows]
    while page.next_cursor:
        page = list_conversations(user_id=make_user().pk, limit=limit, cursor=page.next_cursor)
        assert page.rows
        seen += [row.title for row in page.rows]
    assert sorted(seen) == list("0123456")
    assert [int(title) // 3 for title in seen] == [2, 1, 1, 1, 0, 0, 0]


def test_rows_of_other_users_are_not_listed() -> None:
    make_conversation(make_user("eve"), title="Eve's")
    Project.objects.create(owner=make_user("eve"), name="Eve's")
    assert titles() == []
    assert list_projects(user_id=make_user().pk).rows == []


def test_archived_conversations_are_listed_separately() -> None:
    make_conversation(title="current")
    make_conversation(title="archived", archived=True)
    assert titles() == ["current"]
    assert titles(archived=True) == ["archived"]


def test_conversations_are_filtered_by_project() -> None:
    project = Project.objects.create(owner=make_user(), name="Garden")
    make_conversation(title="in it", project=project)
    make_conversation(title="outside")
    assert titles(project_id=project.pk) == ["in it"]
    assert titles(project_id=uuid.uuid4()) == []


@pytest.mark.parametrize(("query", "found"), [("bees", ["Of Bees"]), ("50%", ["50% off"]), ("_", []), ("", None)])
def test_conversations_are_found_by_part_of_their_title(query: str, found: list[str] | None) -> None:
    for title in ("50% off", "Of Bees", "500 off"):
        make_conversation(title=title)
    assert titles(query=query) == (["500 off", "Of Bees", "50% off"] if found is None else found)


def test_a_listed_conversation_has_the_id_of_its_live_run() -> None:
    live, ended = store_question("Live"), store_question("Ended")
    finish_run(ended)
    rows: list[Any] = list_conversations(user_id=make_user().pk).rows
    assert {row.title: row.live_run_id for row in rows} == {"Live": live.run.pk, "Ended": None}


def test_a_list_is_one_query_and_reads_no_system_prompts() -> None:
    user_id = make_user().pk
    project = Project.objects.create(owner_id=user_id, name="Garden")
    counts = []
    for number in (1, 30):
        for _ in range(number):
            builder = ConversationBuilder(make_conversation(project=project, system_prompt="x" * 1000))
            builder.add_exchange("A question")
        with CaptureQueriesContext(connection) as queries:
            for row in list_conversations(user_id=user_id).rows:
                conversation_summary(row, None)
        counts.append(len(queries))
        assert "system_prompt" not in queries.captured_queries[0]["sql"]
    assert counts == [1, 1]


def test_projects_are_listed_newest_first_in_pages() -> None:
    for name in ("one", "two", "three"):
        Project.objects.create(owner=make_user(), name=name)
    first = list_projects(user_id=make_user().pk, limit=2)
    rest = list_projects(user_id=make_user().pk, limit=2, cursor=first.next_cursor)
    assert [row.name for row in [*first.rows, *rest.rows]] == ["three", "two", "one"]
    assert rest.next_cursor is None


def test_a_page_is_limited_in_characters_but_has_at_least_one_row() -> None:
    for name in ("one", "two", "three"):
        Project.objects.create(owner=make_user(), name=name, instructions="x" * (MAX_PAGE_CHARACTERS // 2))
    Project.objects.create(owner=make_user(), name="four", instructions="x" * (MAX_PAGE_CHARACTERS * 2))
    names, cursor = [], None
    while True:
        page = list_projects(user_id=make_user().pk, cursor=cursor)
        names.append([row.name for row in page.rows])
        cursor = page.next_cursor
        if cursor is None:
            break
    assert names == [["four"], ["three"], ["two"], ["one"]]


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "\0",
        "////",
        encoded("yesterday"),
        encoded(f"yesterday {uuid.UUID(int=1)}"),
        encoded(f"{NOON.isoformat()} 7"),
        encoded(f"0001-01-01T00:00:00+23:00 {uuid.UUID(int=1)}"),
        encoded(f"9999-12-31T23:59:59-23:00 {uuid.UUID(int=1)}"),
    ],
)
def test_an_invalid_cursor_is_refused(cursor: str) -> None:
    for listing in (list_conversations, list_projects):
        with pytest.raises(BadCursor):
            listing(user_id=make_user().pk, cursor=cursor)


def test_a_cursor_without_a_time_zone_is_accepted() -> None:
    make_conversation(title="old", updated_at=NOON - timedelta(days=3))
    assert titles(cursor=encoded(f"2026-02-03T12:00:00 {uuid.uuid4()}")) == ["old"]
