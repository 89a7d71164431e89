"""A question, the place of its answer and the run are stored at once or not at all; a conversation has one live run."""

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
from tests.data.rows import OWNER, Talk, a_conversation, a_user, asked, ended, policy


@pytest.mark.django_db
def test_a_first_question_makes_its_conversation() -> None:
    made = asked("  How do bees find home, and why?  ")
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
    assert (made.run, made.conversation, made.siblings) == (run, conversation, [str(question.pk)])


@pytest.mark.django_db
def test_the_next_question_follows_the_last_answer() -> None:
    first = asked("One")
    ended(first)
    second = asked(NewQuestion("Two", conversation_id=first.conversation.pk))
    assert second.user_message.parent_id == first.message.pk
    assert Conversation.objects.get().title == "One"
    assert (first.run.suggested_title, second.run.suggested_title) == ("One", None)


@pytest.mark.django_db
def test_a_question_may_follow_an_earlier_answer_or_begin_anew() -> None:
    first = asked("One")
    ended(first)
    where = first.conversation.pk
    ended(asked(NewQuestion("Two", conversation_id=where)))
    other = asked(NewQuestion("Another two", conversation_id=where, parent_id=first.message.pk))
    ended(other)
    assert len(other.siblings) == 2
    assert Conversation.objects.get().leaf_id == other.message.pk
    anew = asked(NewQuestion("Another one", conversation_id=where, parent_id=None))
    assert anew.user_message.parent_id is None
    assert anew.siblings == [str(first.user_message.pk), str(anew.user_message.pk)]


@pytest.mark.django_db
def test_a_run_is_given_what_its_conversation_says_at_its_start() -> None:
    project = Project.objects.create(owner=a_user(), name="Garden")
    fields: dict[str, Any] = {
        "temperature": 0.5,
        "max_tokens": 9,
        "thinking_enabled": False,
        "tools": ["clock"],
        "project": project,
    }
    conversation = a_conversation(model="large", **fields)
    run = asked(NewQuestion("Hi", conversation_id=conversation.pk), tool_choice="required", tools_enabled=False).run
    run.refresh_from_db()
    assert {name: getattr(run, name) for name in fields} == fields
    assert (run.model, run.tool_choice, run.tools_enabled) == ("large", "required", False)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wished", "conversations", "preferred", "chosen"),
    [
        ("large", "small", "small", "large"),
        (None, "large", "small", "large"),
        (None, None, "large", "large"),
        (None, None, "", "small"),
        (None, "gone", "gone too", "small"),
    ],
)
def test_the_model_is_the_most_particular_one_that_there_is(
    wished: str | None, conversations: str | None, preferred: str, chosen: str
) -> None:
    conversation = a_conversation(model=conversations)
    Preferences.objects.create(user=a_user(), default_model=preferred)
    made = asked(NewQuestion("Hi", conversation_id=conversation.pk), model=wished)
    assert (made.run.model, made.message.model) == (chosen, chosen)


@pytest.mark.django_db
def test_what_is_refused_leaves_nothing_behind() -> None:
    mine, theirs = Talk(), Talk(a_conversation(a_user("eve")))
    my_question = mine.ask()
    theirs.ask()
    their_answer = theirs.answer()
    before = Message.objects.count()
    here = mine.conversation.pk
    refused: list[tuple[Question, type[RequestError]]] = [
        (NewQuestion("x", conversation_id=theirs.conversation.pk), NotFound),
        (NewQuestion("x", conversation_id=uuid.uuid4()), NotFound),
        (NewQuestion("x", project_id=uuid.uuid4()), NotFound),
        (NewQuestion("x", conversation_id=here, parent_id=their_answer.pk), NotFound),
        (NewQuestion("x", conversation_id=here, parent_id=my_question.pk), InvalidParams),
        (NewQuestion("x", conversation_id=here, project_id=uuid.uuid4()), InvalidParams),
        (EditedQuestion(their_answer.pk, "x"), NotFound),
        (RepeatedQuestion(my_question.pk), InvalidParams),
    ]
    for question, refusal in refused:
        with pytest.raises(refusal):
            asked(question)
    assert (Message.objects.count(), Run.objects.count(), Conversation.objects.count()) == (before, 0, 2)


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["running", "awaiting_approval"])
def test_while_a_run_is_live_its_conversation_takes_no_other(status: str) -> None:
    first = asked("One")
    Run.objects.update(status=status)
    for question in (
        NewQuestion("Two", conversation_id=first.conversation.pk),
        EditedQuestion(first.user_message.pk, "One, again"),
        RepeatedQuestion(first.message.pk),
    ):
        with pytest.raises(RunActive):
            asked(question)
    assert Message.objects.count() == 2


@pytest.mark.django_db
def test_a_person_has_so_many_live_runs_and_no_more() -> None:
    ada, eve = a_user("ada"), a_user("eve")
    made = [asked(user=ada) for _ in range(2)]
    limited = policy(max_runs=2)
    with pytest.raises(RateLimited) as refused:
        store.ask(question=NewQuestion("Three"), options=RunOptions(ada.pk), policy=limited)
    assert refused.value.retry_after
    store.ask(question=NewQuestion("One"), options=RunOptions(eve.pk), policy=limited)
    ended(made[0])
    store.ask(question=NewQuestion("Three"), options=RunOptions(ada.pk), policy=limited)


@pytest_asyncio.fixture
async def writers() -> AsyncIterator[list[Writer]]:
    """As two processes have them."""
    made = [Writer(), Writer()]
    yield made
    for writer in made:
        await asyncio.to_thread(writer.stop)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("processes", [1, 2])
async def test_of_questions_that_race_into_one_conversation_one_is_answered(
    writers: list[Writer], processes: int
) -> None:
    for _ in range(5):
        conversation = await sync_to_async(a_conversation)()
        racing = [
            writers[n % processes].submit(
                store.ask,
                question=NewQuestion(f"Question {n}", conversation_id=conversation.pk),
                options=RunOptions(conversation.owner_id),
                policy=policy(f"process {n}"),
            )
            for n in range(4)
        ]
        outcomes = await asyncio.gather(*racing, return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == [
            "RunActive",
            "RunActive",
            "RunActive",
            "StoredQuestion",
        ]
        assert await Run.objects.filter(conversation=conversation).acount() == 1
        assert await Message.objects.filter(conversation=conversation).acount() == 2
