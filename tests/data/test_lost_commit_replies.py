"""The connection to PostgreSQL breaks at a COMMIT, so that the writer does not know whether it was carried out: still,
each operation takes effect exactly once and gets its own outcome."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections

from accounts.models import User
from conversations import store
from conversations.db.writer import Writer
from conversations.errors import NotFound
from conversations.models import CommittedGroup, Message, Project, Run, TokenUsage
from conversations.runs.checkpoint import Checkpoint
from conversations.runs.live import Outcome
from conversations.store import NewQuestion, RunOptions, StoredQuestion
from tests.data.postgres_proxy import Lost, PostgresProxy
from tests.data.rows import lease_of, ledger_entry, make_user, run_policy

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("postgresql")]

LoseAtCommit = Callable[..., None]
LOSSES = [[Lost.COMMIT], [Lost.REPLY], [Lost.COMMIT, Lost.REPLY], [Lost.REPLY, Lost.REPLY]]


@pytest.fixture
def lose_at_commit(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoseAtCommit]:
    """A function that lets new connections break at their next commits."""
    proxies: list[PostgresProxy] = []

    def start_proxy(*losses: Lost) -> None:
        proxies.append(PostgresProxy(int(connections.settings["default"]["PORT"]), list(losses)))
        monkeypatch.setitem(connections.settings["default"], "PORT", str(proxies[0].port))

    yield start_proxy
    for proxy in proxies:
        proxy.close()


def ask(user: User) -> StoredQuestion:
    return store.ask(question=NewQuestion("A question"), options=RunOptions(user.pk), policy=run_policy())


@pytest.mark.parametrize("losses", LOSSES, ids=str)
async def test_a_question_is_stored_once_and_its_run_is_returned(
    writer: Writer, lose_at_commit: LoseAtCommit, losses: list[Lost]
) -> None:
    user = await writer.submit(make_user)
    await asyncio.to_thread(writer.stop)
    lose_at_commit(*losses)
    stored = await writer.submit(ask, user)
    assert [run.pk async for run in Run.objects.all()] == [stored.run.pk]
    assert {message.pk async for message in Message.objects.all()} == {stored.user_message.pk, stored.message.pk}


@pytest.mark.parametrize("losses", LOSSES, ids=str)
async def test_a_run_ends_once_with_each_model_call_in_the_ledger(
    writer: Writer, lose_at_commit: LoseAtCommit, losses: list[Lost]
) -> None:
    stored = await writer.submit(lambda: ask(make_user()))
    await asyncio.to_thread(writer.stop)
    lose_at_commit(*losses)
    progress: dict[str, Any] = {"lease": lease_of(stored), "message_id": stored.message.pk, "checkpoint": Checkpoint()}
    finished = writer.submit(store.finish_iteration, **progress, entry=ledger_entry(1), finish_reason="tool_calls")
    ended = writer.submit(
        store.finish_run, **progress, outcome=Outcome("complete"), text="It is", entry=ledger_entry(2)
    )
    assert await finished is True
    conversation = await ended
    assert conversation is not None
    assert conversation.pk == stored.conversation.pk
    assert (await Run.objects.aget()).status == "complete"
    assert [usage.iteration async for usage in TokenUsage.objects.order_by("pk")] == [1, 2]


@pytest.mark.parametrize("losses", LOSSES, ids=str)
async def test_each_operation_of_a_group_gets_its_own_outcome(
    writer: Writer, lose_at_commit: LoseAtCommit, losses: list[Lost]
) -> None:
    user = await writer.submit(make_user)
    await asyncio.to_thread(writer.stop)
    lose_at_commit(*losses)
    created = [writer.submit(store.create_project, user_id=user.pk, name=f"Project {n}") for n in range(5)]
    refused = writer.submit(store.create_conversation, user_id=user.pk, project_id=uuid.uuid4())
    later = writer.submit(store.create_project, user_id=user.pk, name="Project 5")
    projects = [await future for future in [*created, later]]
    with pytest.raises(NotFound):
        await refused
    rows = [(project.pk, project.name) async for project in Project.objects.order_by("name")]
    assert rows == [(project.pk, project.name) for project in projects]


@pytest.mark.parametrize("lost", Lost)
async def test_an_operation_does_not_time_out_while_its_commit_is_in_doubt(
    writer: Writer, lose_at_commit: LoseAtCommit, lost: Lost, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await writer.submit(make_user)
    await asyncio.to_thread(writer.stop)
    lose_at_commit(lost)
    monkeypatch.setattr(writer, "RETRY_PAUSES", (0.7,))
    stored = await writer.submit_with_timeout(0.5, ask, user)  # the timeout passes between two attempts
    assert (await Run.objects.aget()).pk == stored.run.pk


async def test_the_writer_continues_after_a_lost_reply(writer: Writer, lose_at_commit: LoseAtCommit) -> None:
    user = await writer.submit(make_user)
    await asyncio.to_thread(writer.stop)
    lose_at_commit(Lost.REPLY)
    groups = writer.groups
    for name in ("One", "Two", "Three"):
        await writer.submit(store.create_project, user_id=user.pk, name=name)
    assert [project.name async for project in Project.objects.order_by("created_at")] == ["One", "Two", "Three"]
    assert (await CommittedGroup.objects.aget()).number == writer.groups == groups + 3
