"""Pages of a conversation's active branch, read from its end backward."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations.models import Message
from conversations.queries.branches import MAX_STEP_CHARACTERS, BadCursor, BranchPage, load_branch_page, load_message
from conversations.store import EditedQuestion, NewQuestion, RepeatedQuestion
from tests.data.rows import (
    ConversationBuilder,
    finish_run,
    make_conversation,
    make_user,
    store_question,
    text_step,
    thinking_step,
)

pytestmark = pytest.mark.django_db


def texts(page: BranchPage) -> list[str]:
    return [found.message.text or found.steps[0].content for found in page.messages]


def conversation_of(exchanges: int = 10) -> ConversationBuilder:
    builder = ConversationBuilder()
    builder.add_exchanges(exchanges)
    return builder


def load(builder: ConversationBuilder, **options: Any) -> BranchPage:
    return load_branch_page(conversation=builder.conversation, **options)


def test_the_first_page_has_the_newest_messages_in_order() -> None:
    page = load(conversation_of(3), limit=4)
    assert texts(page) == ["1 word", "word", "2 word", "word"]
    assert [found.message.role for found in page.messages] == ["user", "assistant"] * 2


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 20, 50])
def test_cursors_lead_to_the_beginning_and_give_each_message_once(limit: int) -> None:
    builder = conversation_of()
    page = load(builder, limit=limit)
    seen = page.messages
    while page.previous_cursor:
        page = load(builder, before=page.previous_cursor, limit=limit)
        assert 1 <= len(page.messages) <= limit
        seen = [*page.messages, *seen]
    ids = Message.objects.branch_ids(leaf_id=builder.leaf.pk, limit=100)  # type: ignore[union-attr]
    assert [found.message.pk for found in seen] == ids[::-1]


def test_new_messages_do_not_move_a_cursor() -> None:
    builder = conversation_of(3)
    cursor = load(builder, limit=2).previous_cursor
    builder.add_exchange("A new one", text_step("So be it"))
    assert texts(load(builder, before=cursor, limit=2)) == ["1 word", "word"]


def test_a_conversation_without_messages_has_an_empty_page() -> None:
    assert load(ConversationBuilder()) == BranchPage([], None)


def test_a_page_is_limited_in_characters_but_has_at_least_one_message() -> None:
    builder = ConversationBuilder()
    builder.add_exchange("first " * 10, thinking_step("t" * 50), text_step("x" * 100))
    builder.add_exchange("second", text_step("y" * 1000))
    assert texts(load(builder, max_characters=1005)) == ["y" * 1000]
    assert len(load(builder, max_characters=1006).messages) == 2
    assert len(load(builder, max_characters=1006 + 150).messages) == 3
    page = load(builder, max_characters=10)
    assert texts(page) == ["y" * 1000]
    assert texts(load(builder, before=page.previous_cursor, max_characters=10)) == ["second"]


def test_a_large_step_is_truncated_and_keeps_its_full_size() -> None:
    builder = ConversationBuilder()
    builder.add_exchange("Print it all", text_step("x" * (MAX_STEP_CHARACTERS + 7)))
    [_, answer] = load(builder, max_characters=MAX_STEP_CHARACTERS + 20).messages
    [step] = answer.steps
    assert (len(step.content), step.size) == (MAX_STEP_CHARACTERS, MAX_STEP_CHARACTERS + 7)


def test_steps_are_in_order() -> None:
    builder = ConversationBuilder()
    builder.add_exchange("Count", *(text_step(str(n)) for n in range(12)))
    [_, answer] = load(builder).messages
    assert [step.content for step in answer.steps] == [str(n) for n in range(12)]


def test_versions_of_a_message_are_listed_in_order() -> None:
    first = store_question("One")
    finish_run(first)
    edited = store_question(EditedQuestion(first.user_message.pk, "One, but better"))
    finish_run(edited)
    again = store_question(RepeatedQuestion(edited.message.pk))
    question, answer = load_branch_page(conversation=again.conversation).messages
    assert question.message.text == "One, but better"
    assert question.siblings == [str(first.user_message.pk), str(edited.user_message.pk)]
    assert answer.siblings == [str(edited.message.pk), str(again.message.pk)]
    assert answer.run == again.run
    assert question.run is None


def test_only_the_active_branch_is_read() -> None:
    first = store_question("One")
    finish_run(first)
    finish_run(store_question(NewQuestion("Two", conversation_id=first.conversation.pk)))
    second = store_question(NewQuestion("Another one", conversation_id=first.conversation.pk, parent_id=None))
    messages = load_branch_page(conversation=second.conversation).messages
    assert [found.message.text for found in messages] == ["Another one", ""]


def test_a_message_is_found_only_in_its_own_conversation() -> None:
    builder, other = conversation_of(2), conversation_of(1)
    assert builder.leaf is not None
    found = load_message(conversation=builder.conversation, message_id=builder.leaf.pk)
    assert (found.message, found.siblings) == (builder.leaf, [str(builder.leaf.pk)])
    with pytest.raises(Message.DoesNotExist):
        load_message(conversation=other.conversation, message_id=builder.leaf.pk)


def test_invalid_and_foreign_cursors_are_refused() -> None:
    builder, other = conversation_of(2), ConversationBuilder(make_conversation(make_user("eve")))
    foreign = str(other.add_question().pk)
    for cursor in ["", "x", "0", str(uuid.uuid4()), foreign, "\0", "é" * 36]:
        with pytest.raises(BadCursor):
            load(builder, before=cursor)


def test_the_number_of_queries_does_not_grow_with_the_conversation() -> None:
    counts = []
    for length in (2, 500):
        builder = conversation_of(length)
        with CaptureQueriesContext(connection) as queries:
            load(builder, limit=50, max_characters=10_000)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 6
