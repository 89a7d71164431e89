"""The writer commits all queued operations at once, in order; one that fails does not affect the others."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import uuid
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection
from django.db.models import Model

from accounts.models import User
from conversations.db.writer import Writer
from conversations.models import Conversation, Message, Project
from tests.data.database_faults import connect_directly
from tests.data.rows import add_user, usernames

pytestmark = pytest.mark.django_db(transaction=True)


async def test_operations_queued_during_a_commit_form_the_next_group(writer: Writer, release: threading.Event) -> None:
    expected = [f"user{n}" for n in range(100)]
    waiting = [writer.submit(add_user, name) for name in expected]
    release.set()
    assert await asyncio.gather(*waiting) == expected
    assert writer.groups == 2
    assert await usernames() == expected


async def test_a_group_has_a_maximum_size(writer: Writer, release: threading.Event) -> None:
    waiting = [writer.submit(User.objects.count) for _ in range(Writer.MAX_GROUP + 1)]
    release.set()
    await asyncio.gather(*waiting)
    assert writer.groups == 3


async def test_a_result_is_delivered_after_the_commit(writer: Writer, release: threading.Event) -> None:
    def count_on_another_connection() -> int:
        with contextlib.closing(connect_directly()) as other_connection:
            [count] = other_connection.execute("SELECT COUNT(*) FROM accounts_user").fetchone()
            return int(count)

    waiting: list[asyncio.Future[Any]] = [
        writer.submit(add_user, "ada"),
        writer.submit(count_on_another_connection),
        writer.submit(add_user, "eve"),
    ]
    release.set()
    assert (await asyncio.gather(*waiting))[1] == 0, "within the group, nothing is committed yet"
    assert await asyncio.to_thread(count_on_another_connection) == 2


async def test_a_failed_operation_is_rolled_back_and_affects_no_other(writer: Writer, release: threading.Event) -> None:
    def fail() -> None:
        add_user("rolled back")
        raise ValueError("no")

    waiting: list[asyncio.Future[Any]] = [
        writer.submit(add_user, "ada"),
        writer.submit(fail),
        writer.submit(add_user, "ada"),
        writer.submit(add_user, "eve"),
    ]
    release.set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert outcomes[0] == "ada"
    assert isinstance(outcomes[1], ValueError)
    assert isinstance(outcomes[2], IntegrityError)
    assert outcomes[3] == "eve"
    assert await usernames() == ["ada", "eve"]
    assert writer.groups == 2


async def test_a_deferred_constraint_fails_only_the_operation_at_fault(
    writer: Writer, release: threading.Event
) -> None:
    def add_orphan() -> Model:
        return Project.objects.create(owner_id=12345, name="Nobody's")

    before, at_fault, after = writer.submit(add_user, "ada"), writer.submit(add_orphan), writer.submit(add_user, "eve")
    release.set()
    assert [await before, await after] == ["ada", "eve"]
    with pytest.raises(IntegrityError):
        await at_fault
    assert await usernames() == ["ada", "eve"]
    assert not await Project.objects.aexists()


async def test_an_invalid_statement_is_not_retried_forever(writer: Writer, release: threading.Event) -> None:
    def execute_invalid_statement() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nothing FROM nowhere")

    waiting: list[asyncio.Future[Any]] = [
        writer.submit(add_user, "ada"),
        writer.submit(execute_invalid_statement),
        writer.submit(add_user, "eve"),
    ]
    release.set()
    outcomes = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 30)
    assert isinstance(outcomes[1], DatabaseError)
    assert await usernames() == ["ada", "eve"]


async def test_an_operation_whose_future_is_cancelled_is_still_committed(
    writer: Writer, release: threading.Event
) -> None:
    cancelled, other = writer.submit(add_user, "ada"), writer.submit(add_user, "eve")
    cancelled.cancel()
    release.set()
    assert await other == "eve"
    assert await usernames() == ["ada", "eve"]


async def test_stopping_commits_queued_operations(writer: Writer, release: threading.Event) -> None:
    expected = [f"user{n}" for n in range(Writer.MAX_GROUP + 10)]
    waiting = [writer.submit(add_user, name) for name in expected]
    release.set()
    await asyncio.to_thread(writer.stop)
    assert await asyncio.gather(*waiting) == expected
    assert await usernames() == expected


async def test_a_stopped_writer_restarts_at_the_next_submission(writer: Writer) -> None:
    await writer.submit(add_user, "ada")
    await asyncio.to_thread(writer.stop)
    await writer.submit(add_user, "eve")
    assert await usernames() == ["ada", "eve"]


@pytest.mark.only_on("sqlite")
async def test_sqlite_syncs_commits_and_enforces_foreign_keys(writer: Writer) -> None:
    def pragmas() -> dict[str, object]:
        with connection.cursor() as cursor:
            return {
                name: cursor.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("journal_mode", "synchronous", "foreign_keys")
            }

    synchronous_full = 2
    assert await writer.submit(pragmas) == {"journal_mode": "wal", "synchronous": synchronous_full, "foreign_keys": 1}


@pytest.mark.only_on("sqlite")
async def test_a_group_takes_the_write_lock_before_it_reads(writer: Writer) -> None:
    """Otherwise what it has read could be outdated when it writes, and SQLite would refuse the write."""

    def write_on_another_connection() -> str:
        User.objects.count()
        with contextlib.closing(connect_directly()) as other_connection:
            try:
                other_connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                return str(error)
        return "no error"

    assert await writer.submit(write_on_another_connection) == "database is locked"


async def test_a_row_may_be_inserted_before_the_row_it_refers_to(writer: Writer) -> None:
    def insert_conversation_before_its_leaf() -> None:
        owner = User.objects.create(username="ada")
        conversation = Conversation.objects.create(owner=owner, leaf_id=(leaf := uuid.uuid4()))
        Message.objects.create(pk=leaf, conversation=conversation, role="user")

    await writer.submit(insert_conversation_before_its_leaf)
    assert await Conversation.objects.filter(leaf__role="user").aexists()
