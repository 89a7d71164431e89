"""Operations of one kind that wait next to each other are one call; each has its own outcome all the same."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from django.db import IntegrityError

from accounts.models import User
from conversations.db.writer import Writer

pytestmark = pytest.mark.django_db(transaction=True)


class Adding:
    """Adds users, and keeps what it was called with."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def add(self, names: Sequence[str]) -> list[str | Exception]:
        self.calls.append(list(names))
        User.objects.bulk_create(User(username=name) for name in names if name != "nobody")
        return [LookupError(name) if name == "nobody" else name for name in names]


@pytest_asyncio.fixture
async def release(writer: Writer) -> AsyncIterator[threading.Event]:
    """Until it is set, what is submitted gathers."""
    begun, released = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        released.wait(5)

    holding = writer.submit(hold)
    assert await asyncio.to_thread(begun.wait, 10)
    yield released
    released.set()
    await holding


async def names() -> list[str]:
    return [name async for name in User.objects.order_by("pk").values_list("username", flat=True)]


async def test_neighbours_are_one_call_in_their_order(writer: Writer, release: threading.Event) -> None:
    adding, expected = Adding(), [f"user{n}" for n in range(50)]
    waiting = [writer.submit_batched(adding.add, name) for name in expected]
    release.set()
    assert await asyncio.gather(*waiting) == expected
    assert adding.calls == [expected]
    assert await names() == expected


async def test_what_comes_between_keeps_its_place(writer: Writer, release: threading.Event) -> None:
    adding, other = Adding(), Adding()
    before = [writer.submit_batched(adding.add, name) for name in ("a", "b")]
    between = writer.submit(User.objects.count)
    after = [writer.submit_batched(adding.add, "c"), writer.submit_batched(other.add, "d")]
    release.set()
    assert await asyncio.gather(*before, *after) == ["a", "b", "c", "d"]
    assert await between == 2
    assert (adding.calls, other.calls) == ([["a", "b"], ["c"]], [["d"]])


async def test_one_that_is_refused_by_the_database_takes_no_neighbour_along(
    writer: Writer, release: threading.Event
) -> None:
    adding = Adding()
    waiting = [writer.submit_batched(adding.add, name) for name in ("ada", "eve", "ada", "bob")]
    release.set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [outcomes[0], outcomes[1], outcomes[3]] == ["ada", "eve", "bob"]
    assert isinstance(outcomes[2], IntegrityError)
    assert adding.calls == [["ada", "eve", "ada", "bob"], ["ada"], ["eve"], ["ada"], ["bob"]]
    assert await names() == ["ada", "eve", "bob"]


@pytest.mark.parametrize("others", [[], ["ada", "eve"]])
async def test_an_error_that_is_given_for_one_is_raised_to_that_one(
    writer: Writer, release: threading.Event, others: list[str]
) -> None:
    adding = Adding()
    waiting = [writer.submit_batched(adding.add, name) for name in ["nobody", *others]]
    release.set()
    refused, *outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(refused, LookupError)
    assert outcomes == others == await names()
    assert len(adding.calls) == 1
