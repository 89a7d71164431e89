"""A locked database delays the writer, which loses no operation and carries out none twice."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator

import pytest

from conversations.db.threads import DatabaseUnavailable
from conversations.db.writer import Writer
from tests.data.database_faults import WriteLock, shorten_lock_timeout
from tests.data.rows import add_user, usernames

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lock() -> Iterator[WriteLock]:
    lock = WriteLock()
    yield lock
    lock.release()


@pytest.fixture
def short_lock_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_lock_timeout(monkeypatch)


class FailureHandler(logging.Handler):
    """Sets `logged` when the writer logs that a group failed and is repeated."""

    def __init__(self) -> None:
        super().__init__()
        self.logged = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if "repeated" in record.getMessage():
            self.logged.set()


@pytest.fixture
def failed() -> Iterator[threading.Event]:
    """Is set once the database has failed a group."""
    handler = FailureHandler()
    logging.getLogger("conversations.db.writer").addHandler(handler)
    yield handler.logged
    logging.getLogger("conversations.db.writer").removeHandler(handler)


@pytest.fixture
def attempted(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Is set once the writer begins to commit a group."""
    event, commit = threading.Event(), writer._commit

    def commit_and_tell() -> int:
        event.set()
        return commit()

    monkeypatch.setattr(writer, "_commit", commit_and_tell)
    return event


async def test_the_writer_waits_for_a_short_lock(lock: WriteLock, writer: Writer, attempted: threading.Event) -> None:
    waiting = [writer.submit(add_user, name) for name in ("ada", "eve")]
    assert await asyncio.to_thread(attempted.wait, 30)
    for _ in range(20):
        assert await usernames() == []
    assert not any(future.done() for future in waiting)
    lock.release()
    assert await asyncio.gather(*waiting) == ["ada", "eve"]


@pytest.mark.usefixtures("short_lock_timeout")
async def test_a_long_lock_loses_no_operation_and_keeps_their_order(
    lock: WriteLock, writer: Writer, failed: threading.Event
) -> None:
    expected = [f"user{n}" for n in range(20)]
    waiting = [writer.submit(add_user, name) for name in expected[:10]]
    assert await asyncio.to_thread(failed.wait, 30)
    waiting += [writer.submit(add_user, name) for name in expected[10:]]
    lock.release()
    assert await asyncio.wait_for(asyncio.gather(*waiting), 30) == expected
    assert await usernames() == expected


@pytest.mark.usefixtures("short_lock_timeout")
async def test_an_operation_that_times_out_is_not_carried_out_later(lock: WriteLock, writer: Writer) -> None:
    with_timeout = writer.submit_with_timeout(0.1, add_user, "ada")
    without_timeout = writer.submit(add_user, "eve")
    with pytest.raises(DatabaseUnavailable):
        await asyncio.wait_for(with_timeout, 30)
    assert not without_timeout.done()
    lock.release()
    assert await asyncio.wait_for(without_timeout, 30) == "eve"
    assert await usernames() == ["eve"]


@pytest.mark.usefixtures("short_lock_timeout")
async def test_an_operation_submitted_during_a_lock_also_times_out(
    lock: WriteLock, writer: Writer, failed: threading.Event
) -> None:
    without_timeout = writer.submit(add_user, "ada")
    assert await asyncio.to_thread(failed.wait, 30)
    with pytest.raises(DatabaseUnavailable):
        await asyncio.wait_for(writer.submit_with_timeout(0.1, add_user, "eve"), 30)
    lock.release()
    assert await asyncio.wait_for(without_timeout, 30) == "ada"
    assert await usernames() == ["ada"]


@pytest.mark.usefixtures("short_lock_timeout")
async def test_stopping_waits_for_a_locked_database_only_until_its_timeout(lock: WriteLock, writer: Writer) -> None:
    waiting = writer.submit(add_user, "ada")
    await asyncio.wait_for(asyncio.to_thread(writer.stop, 0.1), 30)
    with pytest.raises(DatabaseUnavailable):
        await waiting
    lock.release()
    assert await writer.submit(add_user, "eve") == "eve"
    assert await usernames() == ["eve"]


async def test_reads_do_not_wait_for_writers(lock: WriteLock, writer: Writer) -> None:
    assert await asyncio.wait_for(usernames(), 30) == []
    lock.release()
    await writer.submit(add_user, "ada")
