"""A database that is locked for a while delays what is written; it loses nothing, and nothing happens twice."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator

import pytest

from accounts.models import User
from conversations.db.threads import DatabaseUnavailable
from conversations.db.writer import Writer
from tests.data.database_faults import Lock, make_impatient

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lock() -> Iterator[Lock]:
    held = Lock()
    yield held
    held.release()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    make_impatient(monkeypatch)


class Refusals(logging.Handler):
    """Notes that a group was refused by the database."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if "repeated" in record.getMessage():
            self.seen.set()


@pytest.fixture
def refused() -> Iterator[threading.Event]:
    handler = Refusals()
    logging.getLogger("conversations.db.writer").addHandler(handler)
    yield handler.seen
    logging.getLogger("conversations.db.writer").removeHandler(handler)


def add(name: str) -> str:
    User.objects.create(username=name)
    return name


async def names() -> list[str]:
    return [name async for name in User.objects.order_by("pk").values_list("username", flat=True)]


async def test_a_short_lock_is_waited_for(lock: Lock, writer: Writer) -> None:
    waiting = [writer.submit(add, name) for name in ("ada", "eve")]
    await asyncio.sleep(0.1)
    assert not any(future.done() for future in waiting)
    lock.release()
    assert await asyncio.gather(*waiting) == ["ada", "eve"]


@pytest.mark.usefixtures("impatient")
async def test_a_long_lock_loses_nothing_and_changes_no_order(
    lock: Lock, writer: Writer, refused: threading.Event
) -> None:
    expected = [f"user{n}" for n in range(20)]
    waiting = [writer.submit(add, name) for name in expected[:10]]
    assert await asyncio.to_thread(refused.wait, 30)
    waiting += [writer.submit(add, name) for name in expected[10:]]
    lock.release()
    assert await asyncio.wait_for(asyncio.gather(*waiting), 30) == expected
    assert await names() == expected


@pytest.mark.usefixtures("impatient")
async def test_whose_patience_ends_is_told_so_and_nothing_happens_later(lock: Lock, writer: Writer) -> None:
    impatient = writer.submit_with_timeout(0.1, add, "impatient")
    patient = writer.submit(add, "patient")
    with pytest.raises(DatabaseUnavailable):
        await asyncio.wait_for(impatient, 30)
    assert not patient.done()
    lock.release()
    assert await asyncio.wait_for(patient, 30) == "patient"
    assert await names() == ["patient"]


@pytest.mark.usefixtures("impatient")
async def test_who_comes_while_others_wait_is_told_in_time_too(
    lock: Lock, writer: Writer, refused: threading.Event
) -> None:
    patient = writer.submit(add, "patient")
    assert await asyncio.to_thread(refused.wait, 30)
    with pytest.raises(DatabaseUnavailable):
        await asyncio.wait_for(writer.submit_with_timeout(0.1, add, "impatient"), 30)
    lock.release()
    assert await asyncio.wait_for(patient, 30) == "patient"
    assert await names() == ["patient"]


@pytest.mark.usefixtures("impatient")
async def test_a_stop_waits_for_the_database_only_so_long(lock: Lock, writer: Writer) -> None:
    waiting = writer.submit(add, "ada")
    await asyncio.wait_for(asyncio.to_thread(writer.stop, 0.1), 30)
    with pytest.raises(DatabaseUnavailable):
        await waiting
    lock.release()
    assert await writer.submit(add, "eve") == "eve"
    assert await names() == ["eve"]


async def test_reading_does_not_wait_for_who_writes(lock: Lock, writer: Writer) -> None:
    assert await asyncio.wait_for(names(), 30) == []
    lock.release()
    await writer.submit(add, "ada")
