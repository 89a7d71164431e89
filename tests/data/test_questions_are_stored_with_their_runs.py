"""A question, its empty answer and its run are stored together or not at all; a conversation has one live run."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async

from accounts.models import Preferences
from conversations import store
from conversations.db.writer import Writer
from conversations.errors import InvalidParams, NotFound, RateLimited, RequestError, RunActive
from conversations.models import Conversation, Message, Project, Run
from conversations.store import EditedQuestion, NewQuestion, Question, RepeatedQuestion, RunOptions
from tests.data.rows import (
    OWNER,
    ConversationBuilder,
    finish_run,
    make_conversation,
    make_user,
    run_policy,
    store_question,
)


@pytest.mark.django_db
def test_a_first_question_creates_its_conversation() -> None:
    stored = store_question("  How do bees find home, and why?  ")
    conversation = Conversation.objects.get()
    question, answer = Message.objects.order_by("role").reverse()
    assert (question.text, question.parent, question.status) == (
        "  How do bees find home, and why?  ",
        None,
        "complete",
    )
    assert (answer.role, answer.parent, answer.status) == ("assistant", question, "streaming")
    assert conversation.leaf == answer
    assert conversation.title == "How do bees find home, and why?"[:30]
    run = Run.objects.get()
    assert (run.user_message, run.message, run.owner, run.status) == (question, answer, OWNER, "running")
    assert (stored.run, stored.conversation, stored.siblings) == (run, conversation, [str(question.pk)])


@pytest.mark.django_db
def test_the_next_question_follows_the_last_answer() -> None:
    first = store_question("One")
    finish_run(first)
    second = store_question(NewQuestion("Two", conversation_id=first.conversation.pk))
    assert second.user_message.parent_id == first.message.pk
    assert Conversation.objects.get().title == "One"
    assert (first.run.suggested_title, second.run.suggested_title) == ("One", None)


@pytest.mark.django_db
def test_a_question_may_follow_an_earlier_answer_or_start_a_new_branch() -> None:
    first = store_question("One")
    finish_run(first)
    conversation_id = first.conversation.pk
    finish_run(store_question(NewQuestion("Two", conversation_id=conversation_id)))
    other = store_question(NewQuestion("Another two", conversation_id=conversation_id, parent_id=first.message.pk))
    finish_run(other)
    assert len(other.siblings) == 2
    assert Conversation.objects.get().leaf_id == other.message.pk
    new_branch = store_question(NewQuestion("Another one", conversation_id=conversation_id, parent_id=None))
    assert new_branch.user_message.parent_id is None
    assert new_branch.siblings == [str(first.user_message.pk), str(new_branch.user_message.pk)]


@pytest.mark.django_db
def test_a_run_copies_the_settings_of_its_conversation() -> None:
    project = Project.objects.create(owner=make_user(), name="Garden")
    fields: dict[str, Any] = {
        "temperature": 0.5,
        "max_tokens": 9,
        "thinking_enabled": False,
        "tools": ["clock"],
        "project": project,
    }
    conversation = make_conversation(model="large", **fields)
    run = store_question(
        NewQuestion("Hi", conversation_id=conversation.pk), tool_choice="required", tools_enabled=False
    ).run
    run.refresh_from_db()
    assert {name: getattr(run, name) for name in fields} == fields
    assert (run.model, run.tool_choice, run.tools_enabled) == ("large", "required", False)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("requested", "of_conversation", "preferred", "chosen"),
    [
        ("large", "small", "small", "large"),
        (None, "large", "small", "large"),
        (None, None, "large", "large"),
        (None, None, "", "small"),
        (None, "gone", "gone too", "small"),
    ],
)
def test_the_most_specific_available_model_is_chosen(
    requested: str | None, of_conversation: str | None, preferred: str, chosen: str
) -> None:
    conversation = make_conversation(model=of_conversation)
    Preferences.objects.create(user=make_user(), default_model=preferred)
    stored = store_question(NewQuestion("Hi", conversation_id=conversation.pk), model=requested)
    assert (stored.run.model, stored.message.model) == (chosen, chosen)


@pytest.mark.django_db
def test_a_refused_question_stores_nothing() -> None:
    mine, theirs = ConversationBuilder(), ConversationBuilder(make_conversation(make_user("eve")))
    my_question = mine.add_question()
    theirs.add_question()
    their_answer = theirs.add_answer()
    before = Message.objects.count()
    my_conversation_id = mine.conversation.pk
    refused: list[tuple[Question, type[RequestError]]] = [
        (NewQuestion("x", conversation_id=theirs.conversation.pk), NotFound),
        (NewQuestion("x", conversation_id=uuid.uuid4()), NotFound),
        (NewQuestion("x", project_id=uuid.uuid4()), NotFound),
        (NewQuestion("x", conversation_id=my_conversation_id, parent_id=their_answer.pk), NotFound),
        (NewQuestion("x", conversation_id=my_conversation_id, parent_id=my_question.pk), InvalidParams),
        (NewQuestion("x", conversation_id=my_conversation_id, project_id=uuid.uuid4()), InvalidParams),
        (EditedQuestion(their_answer.pk, "x"), NotFound),
        (RepeatedQuestion(my_question.pk), InvalidParams),
    ]
    for question, refusal in refused:
        with pytest.raises(refusal):
            store_question(question)
    assert (Message.objects.count(), Run.objects.count(), Conversation.objects.count()) == (before, 0, 2)


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["running", "awaiting_approval"])
def test_a_conversation_with_a_live_run_refuses_another_question(status: str) -> None:
    first = store_question("One")
    Run.objects.update(status=status)
    for question in (
        NewQuestion("Two", conversation_id=first.conversation.pk),
        EditedQuestion(first.user_message.pk, "One, again"),
        RepeatedQuestion(first.message.pk),
    ):
        with pytest.raises(RunActive):
            store_question(question)
    assert Message.objects.count() == 2


@pytest.mark.django_db
def test_live_runs_per_user_are_limited() -> None:
    ada, eve = make_user("ada"), make_user("eve")
    stored = [store_question(user=ada) for _ in range(2)]
    policy = run_policy(max_runs=2)
    with pytest.raises(RateLimited) as refused:
        store.ask(question=NewQuestion("Three"), options=RunOptions(ada.pk), policy=policy)
    assert refused.value.retry_after
    store.ask(question=NewQuestion("One"), options=RunOptions(eve.pk), policy=policy)
    finish_run(stored[0])
    store.ask(question=NewQuestion("Three"), options=RunOptions(ada.pk), policy=policy)


@pytest_asyncio.fixture
async def writers() -> AsyncIterator[list[Writer]]:
    """Two writers, as of two processes."""
    writers = [Writer(), Writer()]
    yield writers
    for writer in writers:
        await asyncio.to_thread(writer.stop)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("processes", [1, 2])
async def test_of_concurrent_questions_in_one_conversation_one_is_stored(writers: list[Writer], processes: int) -> None:
    for _ in range(5):
        conversation = await sync_to_async(make_conversation)()
        submitted = [
            writers[n % processes].submit(
                store.ask,
                question=NewQuestion(f"Question {n}", conversation_id=conversation.pk),
                options=RunOptions(conversation.owner_id),
                policy=run_policy(f"process {n}"),
            )
            for n in range(4)
        ]
        outcomes = await asyncio.gather(*submitted, return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == [
            "RunActive",
            "RunActive",
            "RunActive",
            "StoredQuestion",
        ]
        assert await Run.objects.filter(conversation=conversation).acount() == 1
        assert await Message.objects.filter(conversation=conversation).acount() == 2
