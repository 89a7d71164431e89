"""Two processes on one PostgreSQL: what both want at the same time happens once, and neither is stuck."""

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
from tests.data.database_faults import connect_outside
from tests.data.rows import Talk, a_user, text
from tests.data.rows import policy as terms_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("postgresql")]

T = TypeVar("T")
Both = Callable[[Callable[[], T], Callable[[], T]], "asyncio.Future[list[T | BaseException]]"]


@pytest_asyncio.fixture
async def other_writer() -> AsyncIterator[Writer]:
    made = Writer()
    yield made
    await asyncio.to_thread(made.stop)


@pytest.fixture
def both(writer: Writer, other_writer: Writer) -> Both[T]:
    """Carries two operations out in two transactions that have both begun before either does anything."""

    def carry_out(one: Callable[[], T], other: Callable[[], T]) -> asyncio.Future[list[T | BaseException]]:
        begun = threading.Barrier(2, timeout=30)
        waiting = [
            writer.submit(lambda: (begun.wait(), one())[1]),
            other_writer.submit(lambda: (begun.wait(), other())[1]),
        ]
        return asyncio.gather(*waiting, return_exceptions=True)

    return carry_out


def ask(question: Question, user_id: int, max_runs: int = 100) -> StoredQuestion:
    return store.ask(question=question, options=RunOptions(user_id), policy=terms_of(max_runs=max_runs))


def a_talk() -> Conversation:
    talk = Talk()
    talk.exchange("A question", text("An answer"))
    return talk.conversation


@pytest.mark.parametrize("kind", ["new", "edited", "same"])
async def test_one_conversation_gets_one_run(writer: Writer, both: Both[StoredQuestion], kind: str) -> None:
    conversation = await writer.submit(a_talk)
    first = await Message.objects.aget(role="user")
    answer = await Message.objects.aget(role="assistant")
    questions: dict[str, Question] = {
        "new": NewQuestion("Another", conversation_id=conversation.pk),
        "edited": EditedQuestion(first.pk, "Another"),
        "same": RepeatedQuestion(answer.pk),
    }
    question, owner_id = questions[kind], conversation.owner_id
    outcomes = await both(lambda: ask(question, owner_id), lambda: ask(question, owner_id))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["StoredQuestion", "RunActive"]
    [asked] = [outcome for outcome in outcomes if isinstance(outcome, StoredQuestion)]
    assert (await Run.objects.aget()).pk == asked.run.pk
    assert (await Conversation.objects.aget()).leaf_id == asked.message.pk
    assert await Message.objects.acount() == (3 if kind == "same" else 4)


async def test_one_request_id_is_carried_out_once(writer: Writer, both: Both[tuple[Project | None, object]]) -> None:
    key = RequestKey((await writer.submit(a_user)).pk, "the client's id", "digest")

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


async def test_nobody_gets_more_runs_at_once_than_are_allowed(writer: Writer, both: Both[StoredQuestion]) -> None:
    user = await writer.submit(a_user)
    question = NewQuestion("A question")
    outcomes = await both(lambda: ask(question, user.pk, max_runs=1), lambda: ask(question, user.pk, max_runs=1))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["StoredQuestion", "RateLimited"]


async def test_a_conversation_that_is_deleted_meanwhile_is_not_found(writer: Writer, both: Both[object]) -> None:
    conversation = await writer.submit(a_talk)
    place: dict[str, Any] = {"user_id": conversation.owner_id, "conversation_id": conversation.pk}
    outcomes = await both(
        lambda: store.delete_conversation(**place),
        lambda: store.update_conversation(**place, fields={"title": "Another"}),
    )
    assert outcomes[0] is None
    assert type(outcomes[1]).__name__ in ("Conversation", "NotFound")
    assert not await Conversation.objects.aexists()


async def test_two_that_wait_for_each_other_both_come_to_their_end(writer: Writer, other_writer: Writer) -> None:
    names = ["ada", "eve"]
    await writer.submit(lambda: [a_user(name) for name in names])
    begun = threading.Barrier(2, timeout=30)
    first_tries = {0: True, 1: True}

    def rename(first: int) -> None:
        User.objects.filter(username=names[first]).update(last_name=str(first))
        if first_tries.pop(first, False):
            begun.wait()
        User.objects.filter(username=names[1 - first]).update(first_name=str(first))

    await asyncio.gather(writer.submit(rename, 0), other_writer.submit(rename, 1))
    stored = [(user.last_name, user.first_name) async for user in User.objects.order_by("username")]
    assert stored == [("0", "1"), ("1", "0")]


async def test_a_connection_that_breaks_amid_a_group_loses_nothing(writer: Writer) -> None:
    breaks = iter([True])

    def break_once() -> None:
        if next(breaks, False):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    await asyncio.gather(writer.submit(a_user, "ada"), writer.submit(break_once), writer.submit(a_user, "eve"))
    assert [user.username async for user in User.objects.order_by("pk")] == ["ada", "eve"]


async def test_a_process_that_stops_amid_a_group_holds_nothing_for_long(
    writer: Writer, other_writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    option = "-c idle_in_transaction_session_timeout=50"
    monkeypatch.setitem(connections.settings["default"]["OPTIONS"], "options", option)
    holds, other_has_written, stops = threading.Event(), threading.Event(), iter([True])

    def name_and_stop() -> None:
        User.objects.update(last_name="of the stopped")
        holds.set()
        if next(stops, False):
            assert other_has_written.wait(10)

    await other_writer.submit(a_user)
    stopped = writer.submit(name_and_stop)
    assert await asyncio.to_thread(holds.wait, 10)
    await asyncio.wait_for(other_writer.submit(lambda: User.objects.update(last_name="of the other")), 30)
    assert not stopped.done()
    other_has_written.set()
    await stopped
    assert (await User.objects.aget()).last_name == "of the stopped"


async def test_who_reads_does_not_notice_that_an_idle_connection_was_lost() -> None:
    one_thread = Readers(size=1)
    lost = await one_thread.run(backend)
    with contextlib.closing(connect_outside()) as outside:
        outside.execute("SELECT pg_terminate_backend(%s)", [lost])
    assert await one_thread.run(backend) != lost
    await asyncio.to_thread(one_thread.stop)


def backend() -> int:
    """The process of the server that serves this connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])
