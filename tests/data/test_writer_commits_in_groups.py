"""Operations are committed in their order, as many at once as there are; one that is refused takes no other along."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from django.db import DatabaseError, IntegrityError, connection
from django.db.models import Model

from accounts.models import User
from conversations.db.writer import Writer
from conversations.models import Conversation, Message, Project
from tests.data.database_faults import connect_outside

pytestmark = pytest.mark.django_db(transaction=True)


def add(name: str) -> str:
    User.objects.create(username=name)
    return name


async def names() -> list[str]:
    return [name async for name in User.objects.order_by("pk").values_list("username", flat=True)]


class Hold:
    """Keeps the writer busy with an operation of its own, so that others gather."""

    def __init__(self, writer: Writer) -> None:
        self._begun, self._released = threading.Event(), threading.Event()
        self.future = writer.submit(self._wait)

    def _wait(self) -> None:
        self._begun.set()
        assert self._released.wait(5)

    async def begun(self) -> None:
        assert await asyncio.to_thread(self._begun.wait, 10)

    def release(self) -> None:
        self._released.set()


@pytest_asyncio.fixture
async def hold(writer: Writer) -> AsyncIterator[Hold]:
    held = Hold(writer)
    await held.begun()
    yield held
    held.release()
    await held.future


async def test_what_gathers_while_one_group_is_written_makes_the_next(writer: Writer, hold: Hold) -> None:
    expected = [f"user{n}" for n in range(100)]
    waiting = [writer.submit(add, name) for name in expected]
    hold.release()
    assert await asyncio.gather(*waiting) == expected
    assert writer.groups == 2
    assert await names() == expected


async def test_a_group_has_a_largest_size(writer: Writer, hold: Hold) -> None:
    waiting = [writer.submit(User.objects.count) for _ in range(Writer.MAX_GROUP + 1)]
    hold.release()
    await asyncio.gather(*waiting)
    assert writer.groups == 3


async def test_what_is_acknowledged_is_committed(writer: Writer, hold: Hold) -> None:
    def count_from_outside() -> int:
        with contextlib.closing(connect_outside()) as outside:
            [count] = outside.execute("SELECT COUNT(*) FROM accounts_user").fetchone()
            return int(count)

    waiting: list[asyncio.Future[Any]] = [
        writer.submit(add, "ada"),
        writer.submit(count_from_outside),
        writer.submit(add, "eve"),
    ]
    hold.release()
    assert (await asyncio.gather(*waiting))[1] == 0, "within the group, nothing is committed yet"
    assert await asyncio.to_thread(count_from_outside) == 2


async def test_a_refused_operation_leaves_nothing_behind_and_takes_no_other_along(writer: Writer, hold: Hold) -> None:
    def refuse() -> None:
        add("halfway")
        raise ValueError("no")

    waiting: list[asyncio.Future[Any]] = [
        writer.submit(add, "ada"),
        writer.submit(refuse),
        writer.submit(add, "ada"),
        writer.submit(add, "eve"),
    ]
    hold.release()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert outcomes[0] == "ada"
    assert isinstance(outcomes[1], ValueError)
    assert isinstance(outcomes[2], IntegrityError)
    assert outcomes[3] == "eve"
    assert await names() == ["ada", "eve"]
    assert writer.groups == 2


async def test_a_constraint_that_is_checked_at_the_commit_harms_only_the_culprit(writer: Writer, hold: Hold) -> None:
    def orphan() -> Model:
        return Project.objects.create(owner_id=12345, name="Nobody's")

    before, culprit, after = writer.submit(add, "ada"), writer.submit(orphan), writer.submit(add, "eve")
    hold.release()
    assert [await before, await after] == ["ada", "eve"]
    with pytest.raises(IntegrityError):
        await culprit
    assert await names() == ["ada", "eve"]
    assert not await Project.objects.aexists()


async def test_a_statement_that_can_never_succeed_is_not_repeated_for_ever(writer: Writer, hold: Hold) -> None:
    def misspell() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")

    waiting: list[asyncio.Future[Any]] = [writer.submit(add, "ada"), writer.submit(misspell), writer.submit(add, "eve")]
    hold.release()
    outcomes = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 30)
    assert isinstance(outcomes[1], DatabaseError)
    assert await names() == ["ada", "eve"]


async def test_who_stops_waiting_disturbs_nobody(writer: Writer, hold: Hold) -> None:
    left, stays = writer.submit(add, "left"), writer.submit(add, "stays")
    left.cancel()
    hold.release()
    assert await stays == "stays"
    assert await names() == ["left", "stays"]


async def test_stopping_does_what_is_queued(writer: Writer, hold: Hold) -> None:
    expected = [f"user{n}" for n in range(Writer.MAX_GROUP + 10)]
    waiting = [writer.submit(add, name) for name in expected]
    hold.release()
    await asyncio.to_thread(writer.stop)
    assert await asyncio.gather(*waiting) == expected
    assert await names() == expected


async def test_a_stopped_writer_starts_again_when_there_is_something_to_do(writer: Writer) -> None:
    await writer.submit(add, "ada")
    await asyncio.to_thread(writer.stop)
    await writer.submit(add, "eve")
    assert await names() == ["ada", "eve"]


@pytest.mark.only_on("sqlite")
async def test_a_commit_is_on_disk_and_what_must_not_be_is_refused(writer: Writer) -> None:
    def pragmas() -> dict[str, object]:
        with connection.cursor() as cursor:
            return {
                name: cursor.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("journal_mode", "synchronous", "foreign_keys")
            }

    full = 2
    assert await writer.submit(pragmas) == {"journal_mode": "wal", "synchronous": full, "foreign_keys": 1}


@pytest.mark.only_on("sqlite")
async def test_a_group_takes_the_lock_before_it_reads(writer: Writer) -> None:
    """Else what it has read could be outdated by the time that it writes, and SQLite would refuse it."""

    def write_from_outside() -> str:
        User.objects.count()
        with contextlib.closing(connect_outside()) as outside:
            try:
                outside.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                return str(error)
        return "it could write"

    assert await writer.submit(write_from_outside) == "database is locked"


async def test_rows_that_refer_to_each_other_may_come_in_any_order(writer: Writer) -> None:
    def answer_first() -> None:
        owner = User.objects.create(username="ada")
        conversation = Conversation.objects.create(owner=owner, leaf_id=(leaf := uuid.uuid4()))
        Message.objects.create(pk=leaf, conversation=conversation, role="user")

    await writer.submit(answer_first)
    assert await Conversation.objects.filter(leaf__role="user").aexists()
