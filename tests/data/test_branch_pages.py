"""A conversation is read from its end backwards, a page at a time, at a cost that does not grow with its length."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations.models import Message
from conversations.queries.branches import MAX_STEP_CHARACTERS, BadCursor, BranchPage, load_branch_page, load_message
from conversations.store import EditedQuestion, NewQuestion, RepeatedQuestion
from tests.data.rows import Talk, a_conversation, a_user, asked, ended, text, thinking

pytestmark = pytest.mark.django_db


def texts(page: BranchPage) -> list[str]:
    return [found.message.text or found.steps[0].content for found in page.messages]


def long_talk(count: int = 10) -> Talk:
    talk = Talk()
    talk.exchanges(count)
    return talk


def load(talk: Talk, **options: Any) -> BranchPage:
    return load_branch_page(conversation=talk.conversation, **options)


def test_the_newest_messages_come_first_and_in_their_order() -> None:
    page = load(long_talk(3), limit=4)
    assert texts(page) == ["1 word", "word", "2 word", "word"]
    assert [found.message.role for found in page.messages] == ["user", "assistant"] * 2


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 20, 50])
def test_cursors_lead_to_the_beginning_and_show_each_message_once(limit: int) -> None:
    talk = long_talk()
    page = load(talk, limit=limit)
    seen = page.messages
    while page.previous_cursor:
        page = load(talk, before=page.previous_cursor, limit=limit)
        assert 1 <= len(page.messages) <= limit
        seen = [*page.messages, *seen]
    ids = Message.objects.branch_ids(leaf_id=talk.leaf.pk, limit=100)  # type: ignore[union-attr]
    assert [found.message.pk for found in seen] == ids[::-1]


def test_what_is_said_meanwhile_moves_no_cursor() -> None:
    talk = long_talk(3)
    cursor = load(talk, limit=2).previous_cursor
    talk.exchange("A new one", text("So be it"))
    assert texts(load(talk, before=cursor, limit=2)) == ["1 word", "word"]


def test_a_conversation_without_messages_has_an_empty_page() -> None:
    assert load(Talk()) == BranchPage([], None)


def test_a_page_carries_only_so_many_characters_but_at_least_a_message() -> None:
    talk = Talk()
    talk.exchange("first " * 10, thinking("t" * 50), text("x" * 100))
    talk.exchange("second", text("y" * 1000))
    assert texts(load(talk, max_characters=1005)) == ["y" * 1000]
    assert len(load(talk, max_characters=1006).messages) == 2
    assert len(load(talk, max_characters=1006 + 150).messages) == 3
    only = load(talk, max_characters=10)
    assert texts(only) == ["y" * 1000]
    assert texts(load(talk, before=only.previous_cursor, max_characters=10)) == ["second"]


def test_a_large_step_is_read_up_to_its_part_and_knows_its_size() -> None:
    talk = Talk()
    talk.exchange("Print it all", text("x" * (MAX_STEP_CHARACTERS + 7)))
    [_, answer] = load(talk, max_characters=MAX_STEP_CHARACTERS + 20).messages
    [step] = answer.steps
    assert (len(step.content), step.size) == (MAX_STEP_CHARACTERS, MAX_STEP_CHARACTERS + 7)


def test_steps_come_in_their_order() -> None:
    talk = Talk()
    talk.exchange("Count", *(text(str(n)) for n in range(12)))
    [_, answer] = load(talk).messages
    assert [step.content for step in answer.steps] == [str(n) for n in range(12)]


def test_versions_of_a_message_are_told_in_their_order() -> None:
    first = asked("One")
    ended(first)
    edited = asked(EditedQuestion(first.user_message.pk, "One, but better"))
    ended(edited)
    again = asked(RepeatedQuestion(edited.message.pk))
    question, answer = load_branch_page(conversation=again.conversation).messages
    assert question.message.text == "One, but better"
    assert question.siblings == [str(first.user_message.pk), str(edited.user_message.pk)]
    assert answer.siblings == [str(edited.message.pk), str(again.message.pk)]
    assert answer.run == again.run
    assert question.run is None


def test_only_the_active_branch_is_shown() -> None:
    first = asked("One")
    ended(first)
    ended(asked(NewQuestion("Two", conversation_id=first.conversation.pk)))
    anew = asked(NewQuestion("Another one", conversation_id=first.conversation.pk, parent_id=None))
    messages = load_branch_page(conversation=anew.conversation).messages
    assert [found.message.text for found in messages] == ["Another one", ""]


def test_one_message_is_found_in_its_own_conversation_only() -> None:
    talk, other = long_talk(2), long_talk(1)
    assert talk.leaf is not None
    found = load_message(conversation=talk.conversation, message_id=talk.leaf.pk)
    assert (found.message, found.siblings) == (talk.leaf, [str(talk.leaf.pk)])
    with pytest.raises(Message.DoesNotExist):
        load_message(conversation=other.conversation, message_id=talk.leaf.pk)


def test_a_cursor_that_this_conversation_did_not_give_is_refused() -> None:
    talk, other = long_talk(2), Talk(a_conversation(a_user("eve")))
    foreign = str(other.ask().pk)
    for cursor in ["", "x", "0", str(uuid.uuid4()), foreign, "\0", "é" * 36]:
        with pytest.raises(BadCursor):
            load(talk, before=cursor)


def test_a_page_costs_the_same_few_queries_however_long_the_conversation_is() -> None:
    counts = []
    for length in (2, 500):
        talk = long_talk(length)
        with CaptureQueriesContext(connection) as queries:
            load(talk, limit=50, max_characters=10_000)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 6
