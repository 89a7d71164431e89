"""Adjacent submissions of one batch operation become one call, and each has its own outcome."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest
from django.db import IntegrityError

from accounts.models import User
from conversations.db.writer import Writer
from tests.data.rows import usernames

pytestmark = pytest.mark.django_db(transaction=True)


class BatchOfUsers:
    """A batch operation that adds users, and records its calls. It returns an error for the name "nobody"."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def add(self, names: Sequence[str]) -> list[str | Exception]:
        self.calls.append(list(names))
        User.objects.bulk_create(User(username=name) for name in names if name != "nobody")
        return [LookupError(name) if name == "nobody" else name for name in names]


async def test_adjacent_submissions_are_one_call_in_order(writer: Writer, release: threading.Event) -> None:
    batch, expected = BatchOfUsers(), [f"user{n}" for n in range(50)]
    waiting = [writer.submit_batched(batch.add, name) for name in expected]
    release.set()
    assert await asyncio.gather(*waiting) == expected
    assert batch.calls == [expected]
    assert await usernames() == expected


async def test_other_operations_in_between_keep_their_place(writer: Writer, release: threading.Event) -> None:
    batch, other = BatchOfUsers(), BatchOfUsers()
    before = [writer.submit_batched(batch.add, name) for name in ("a", "b")]
    between = writer.submit(User.objects.count)
    after = [writer.submit_batched(batch.add, "c"), writer.submit_batched(other.add, "d")]
    release.set()
    assert await asyncio.gather(*before, *after) == ["a", "b", "c", "d"]
    assert await between == 2
    assert (batch.calls, other.calls) == ([["a", "b"], ["c"]], [["d"]])


async def test_a_database_error_fails_only_the_submission_at_fault(writer: Writer, release: threading.Event) -> None:
    batch = BatchOfUsers()
    waiting = [writer.submit_batched(batch.add, name) for name in ("ada", "eve", "ada", "bob")]
    release.set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [outcomes[0], outcomes[1], outcomes[3]] == ["ada", "eve", "bob"]
    assert isinstance(outcomes[2], IntegrityError)
    assert batch.calls == [["ada", "eve", "ada", "bob"], ["ada"], ["eve"], ["ada"], ["bob"]]
    assert await usernames() == ["ada", "eve", "bob"]


@pytest.mark.parametrize("others", [[], ["ada", "eve"]])
async def test_an_error_returned_for_one_submission_is_raised_for_it_alone(
    writer: Writer, release: threading.Event, others: list[str]
) -> None:
    batch = BatchOfUsers()
    waiting = [writer.submit_batched(batch.add, name) for name in ["nobody", *others]]
    release.set()
    refused, *outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(refused, LookupError)
    assert outcomes == others == await usernames()
    assert len(batch.calls) == 1
