"""Several threads read the database at the same time, so that a slow read does not delay the others."""

from __future__ import annotations

import asyncio
import threading

import pytest

from accounts.models import User
from conversations.db.readers import Readers
from conversations.db.threads import DatabaseUnavailable
from tests.data.database_faults import make_database_unreachable

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_slow_read_does_not_delay_others(readers: Readers) -> None:
    released = threading.Event()
    slow = asyncio.ensure_future(readers.run(released.wait, 10))
    try:
        for _ in range(5):
            assert await asyncio.wait_for(readers.run(User.objects.count), 30) == 0
        assert not slow.done()
    finally:
        released.set()
    assert await slow


async def test_reads_see_committed_rows(readers: Readers) -> None:
    await User.objects.acreate(username="ada")
    assert await readers.run(User.objects.count) == 1
    await User.objects.acreate(username="eve")
    assert await readers.run(lambda: [user.username for user in User.objects.order_by("pk")]) == ["ada", "eve"]


async def test_an_exception_is_raised_to_the_caller(readers: Readers) -> None:
    with pytest.raises(User.DoesNotExist):
        await readers.run(User.objects.get, username="nobody")
    assert await readers.run(User.objects.count) == 0


async def test_a_cancelled_read_does_not_affect_others(readers: Readers) -> None:
    released = threading.Event()
    cancelled = asyncio.ensure_future(readers.run(released.wait, 10))
    await readers.run(User.objects.count)
    cancelled.cancel()
    released.set()
    assert await readers.run(User.objects.count) == 0


async def test_an_unreachable_database_raises_database_unavailable(
    readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_database_unreachable(monkeypatch)
    with pytest.raises(DatabaseUnavailable):
        await readers.run(User.objects.count)


@pytest.mark.only_on("sqlite")
async def test_reads_work_again_when_the_database_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    readers = Readers(size=1)
    with monkeypatch.context() as unreachable:
        make_database_unreachable(unreachable)
        with pytest.raises(DatabaseUnavailable):
            await readers.run(User.objects.count)
    assert await readers.run(User.objects.count) == 0
    await asyncio.to_thread(readers.stop)


async def test_stopping_finishes_queued_reads(readers: Readers) -> None:
    reading = [asyncio.ensure_future(readers.run(User.objects.count)) for _ in range(20)]
    await asyncio.sleep(0)
    await asyncio.to_thread(readers.stop)
    assert await asyncio.gather(*reading) == [0] * 20
