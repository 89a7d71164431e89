"""Several threads read at once, so that nobody waits behind another's slow work."""

from __future__ import annotations

import asyncio
import threading

import pytest

from accounts.models import User
from conversations.db.readers import Readers
from conversations.db.threads import DatabaseUnavailable
from tests.data.database_faults import lose_database

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_slow_reader_holds_up_no_other(readers: Readers) -> None:
    released = threading.Event()
    slow = asyncio.ensure_future(readers.run(released.wait, 10))
    try:
        for _ in range(5):
            assert await asyncio.wait_for(readers.run(User.objects.count), 30) == 0
        assert not slow.done()
    finally:
        released.set()
    assert await slow


async def test_what_is_read_is_what_was_committed(readers: Readers) -> None:
    await User.objects.acreate(username="ada")
    assert await readers.run(User.objects.count) == 1
    await User.objects.acreate(username="eve")
    assert await readers.run(lambda: [user.username for user in User.objects.order_by("pk")]) == ["ada", "eve"]


async def test_what_a_function_raises_is_raised_to_whoever_asked(readers: Readers) -> None:
    with pytest.raises(User.DoesNotExist):
        await readers.run(User.objects.get, username="nobody")
    assert await readers.run(User.objects.count) == 0


async def test_who_stops_waiting_disturbs_nobody(readers: Readers) -> None:
    released = threading.Event()
    leaving = asyncio.ensure_future(readers.run(released.wait, 10))
    await readers.run(User.objects.count)
    leaving.cancel()
    released.set()
    assert await readers.run(User.objects.count) == 0


async def test_a_database_that_is_not_there_is_named_so(readers: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_database(monkeypatch)
    with pytest.raises(DatabaseUnavailable):
        await readers.run(User.objects.count)


@pytest.mark.only_on("sqlite")
async def test_a_database_that_comes_back_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    one_thread = Readers(size=1)
    with monkeypatch.context() as lost:
        lose_database(lost)
        with pytest.raises(DatabaseUnavailable):
            await one_thread.run(User.objects.count)
    assert await one_thread.run(User.objects.count) == 0
    await asyncio.to_thread(one_thread.stop)


async def test_stopping_does_what_is_queued(readers: Readers) -> None:
    reading = [asyncio.ensure_future(readers.run(User.objects.count)) for _ in range(20)]
    await asyncio.sleep(0)
    await asyncio.to_thread(readers.stop)
    assert await asyncio.gather(*reading) == [0] * 20
