"""Two processes write to one PostgreSQL at the same time: conflicting operations succeed once, and neither blocks."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest
import pytest_asyncio
from django.db import connection, connections

from accounts.models import User
from conversations import store
from conversations.db.readers import Readers
from conversations.db.writer import Writer
from conversations.models import AcceptedRequest, Conversation, Message, Project, Run
from conversations.store import (
    EditedQuestion,
    NewQuestion,
    Question,
    RepeatedQuestion,
    RequestKey,
    RunOptions,
    StoredQuestion,
)
from tests.data.database_faults import connect_directly
from tests.data.rows import ConversationBuilder, make_user, run_policy, text_step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("postgresql")]

T = TypeVar("T")
Both = Callable[[Callable[[], T], Callable[[], T]], "asyncio.Future[list[T | BaseException]]"]


@pytest_asyncio.fixture
async def other_writer() -> AsyncIterator[Writer]:
    writer = Writer()
    yield writer
    await asyncio.to_thread(writer.stop)


@pytest.fixture
def both(writer: Writer, other_writer: Writer) -> Both[T]:
    """A function that runs two operations in two transactions, both of which begin before either operation does."""

    def run_both(one: Callable[[], T], other: Callable[[], T]) -> asyncio.Future[list[T | BaseException]]:
        started = threading.Barrier(2, timeout=30)
        waiting = [
            writer.submit(lambda: (started.wait(), one())[1]),
            other_writer.submit(lambda: (started.wait(), other())[1]),
        ]
        return asyncio.gather(*waiting, return_exceptions=True)

    return run_both


def ask(question: Question, user_id: int, max_runs: int = 100) -> StoredQuestion:
    return store.ask(question=question, options=RunOptions(user_id), policy=run_policy(max_runs=max_runs))


def make_exchange() -> Conversation:
    builder = ConversationBuilder()
    builder.add_exchange("A question", text_step("An answer"))
    return builder.conversation


@pytest.mark.parametrize("kind", ["new", "edited", "same"])
async def test_concurrent_questions_in_one_conversation_start_one_run(
    writer: Writer, both: Both[StoredQuestion], kind: str
) -> None:
    conversation = await writer.submit(make_exchange)
    first = await Message.objects.aget(role="user")
    answer = await Message.objects.aget(role="assistant")
    questions: dict[str, Question] = {
        "new": NewQuestion("Another", conversation_id=conversation.pk),
        "edited": EditedQuestion(first.pk, "Another"),
        "same": RepeatedQuestion(answer.pk),
    }
    question, owner_id = questions[kind], conversation.owner_id
    outcomes = await both(lambda: ask(question, owner_id), lambda: ask(question, owner_id))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["RunActive", "StoredQuestion"]
    [stored] = [outcome for outcome in outcomes if isinstance(outcome, StoredQuestion)]
    assert (await Run.objects.aget()).pk == stored.run.pk
    assert (await Conversation.objects.aget()).leaf_id == stored.message.pk
    assert await Message.objects.acount() == (3 if kind == "same" else 4)


async def test_concurrent_requests_with_one_id_are_carried_out_once(
    writer: Writer, both: Both[tuple[Project | None, object]]
) -> None:
    key = RequestKey((await writer.submit(make_user)).pk, "the client's id", "digest")

    def create() -> tuple[Project | None, object]:
        return store.once(
            key=key,
            operation=lambda: store.create_project(user_id=key.user_id, name="Garden"),
            encode=lambda project: {"id": str(project.pk)},
        )

    outcomes = await both(create, create)
    project = await Project.objects.aget()
    assert [outcome[1] for outcome in outcomes if isinstance(outcome, tuple)] == [{"id": str(project.pk)}] * 2
    assert [outcome[0] for outcome in outcomes if isinstance(outcome, tuple)].count(None) == 1
    assert await AcceptedRequest.objects.acount() == 1


async def test_concurrent_questions_do_not_exceed_the_limit_of_live_runs(
    writer: Writer, both: Both[StoredQuestion]
) -> None:
    user = await writer.submit(make_user)
    question = NewQuestion("A question")
    outcomes = await both(lambda: ask(question, user.pk, max_runs=1), lambda: ask(question, user.pk, max_runs=1))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["RateLimited", "StoredQuestion"]


async def test_a_concurrent_update_does_not_undo_a_deletion(writer: Writer, both: Both[object]) -> None:
    conversation = await writer.submit(make_exchange)
    target: dict[str, Any] = {"user_id": conversation.owner_id, "conversation_id": conversation.pk}
    outcomes = await both(
        lambda: store.delete_conversation(**target),
        lambda: store.update_conversation(**target, fields={"title": "Another"}),
    )
    assert outcomes[0] is None
    assert type(outcomes[1]).__name__ in ("Conversation", "NotFound")
    assert not await Conversation.objects.aexists()


async def test_a_deadlock_is_resolved_and_both_operations_complete(writer: Writer, other_writer: Writer) -> None:
    names = ["ada", "eve"]
    await writer.submit(lambda: [make_user(name) for name in names])
    started = threading.Barrier(2, timeout=30)
    first_attempts = {0: True, 1: True}

    def rename(first: int) -> None:
        User.objects.filter(username=names[first]).update(last_name=str(first))
        if first_attempts.pop(first, False):
            started.wait()
        User.objects.filter(username=names[1 - first]).update(first_name=str(first))

    await asyncio.gather(writer.submit(rename, 0), other_writer.submit(rename, 1))
    stored = [(user.last_name, user.first_name) async for user in User.objects.order_by("username")]
    assert stored == [("0", "1"), ("1", "0")]


async def test_a_connection_lost_within_a_group_loses_no_operation(writer: Writer) -> None:
    first_attempt = iter([True])

    def lose_connection_once() -> None:
        if next(first_attempt, False):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    await asyncio.gather(
        writer.submit(make_user, "ada"), writer.submit(lose_connection_once), writer.submit(make_user, "eve")
    )
    assert [user.username async for user in User.objects.order_by("pk")] == ["ada", "eve"]


async def test_a_process_suspended_within_a_group_releases_its_locks(
    writer: Writer, other_writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    option = "-c idle_in_transaction_session_timeout=50"
    monkeypatch.setitem(connections.settings["default"]["OPTIONS"], "options", option)
    has_lock, other_has_written, first_attempt = threading.Event(), threading.Event(), iter([True])

    def update_and_suspend() -> None:
        User.objects.update(last_name="of the suspended")
        has_lock.set()
        if next(first_attempt, False):
            assert other_has_written.wait(30)

    await other_writer.submit(make_user)
    suspended = writer.submit(update_and_suspend)
    assert await asyncio.to_thread(has_lock.wait, 30)
    await asyncio.wait_for(other_writer.submit(lambda: User.objects.update(last_name="of the other")), 30)
    assert not suspended.done()
    other_has_written.set()
    await suspended
    assert (await User.objects.aget()).last_name == "of the suspended"


async def test_a_read_survives_the_loss_of_an_idle_connection() -> None:
    readers = Readers(size=1)
    lost = await readers.run(backend_pid)
    with contextlib.closing(connect_directly()) as other_connection:
        other_connection.execute("SELECT pg_terminate_backend(%s)", [lost])
    assert await readers.run(backend_pid) != lost
    await asyncio.to_thread(readers.stop)


def backend_pid() -> int:
    """Returns the id of the server process that serves this connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])
