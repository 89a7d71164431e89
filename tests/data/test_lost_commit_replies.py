"""When the connection to PostgreSQL breaks at a COMMIT nobody has been told whether it was carried out: yet everything
happens exactly once, and whoever waits is told what happened."""

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
from tests.data.postgres_proxy import Cut, CuttingWire
from tests.data.rows import a_user, lease_of, ledger_entry, policy

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.only_on("postgresql")]

CutAt = Callable[..., None]
CUTS = [[Cut.BEFORE], [Cut.AFTER], [Cut.BEFORE, Cut.AFTER], [Cut.AFTER, Cut.AFTER]]


@pytest.fixture
def cut_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[CutAt]:
    """Breaks the connections at the next commits."""
    wires: list[CuttingWire] = []

    def lay(*cuts: Cut) -> None:
        wires.append(CuttingWire(int(connections.settings["default"]["PORT"]), list(cuts)))
        monkeypatch.setitem(connections.settings["default"], "PORT", str(wires[0].port))

    yield lay
    for wire in wires:
        wire.close()


def ask(user: User) -> StoredQuestion:
    return store.ask(question=NewQuestion("A question"), options=RunOptions(user.pk), policy=policy())


@pytest.mark.parametrize("cuts", CUTS, ids=str)
async def test_a_question_is_asked_once_and_its_run_is_the_one_that_is_told(
    writer: Writer, cut_at: CutAt, cuts: list[Cut]
) -> None:
    user = await writer.submit(a_user)
    await asyncio.to_thread(writer.stop)
    cut_at(*cuts)
    asked = await writer.submit(ask, user)
    assert [run.pk async for run in Run.objects.all()] == [asked.run.pk]
    assert {message.pk async for message in Message.objects.all()} == {asked.user_message.pk, asked.message.pk}


@pytest.mark.parametrize("cuts", CUTS, ids=str)
async def test_a_run_ends_once_with_each_model_call_in_the_ledger(
    writer: Writer, cut_at: CutAt, cuts: list[Cut]
) -> None:
    asked = await writer.submit(lambda: ask(a_user()))
    await asyncio.to_thread(writer.stop)
    cut_at(*cuts)
    place: dict[str, Any] = {"lease": lease_of(asked), "message_id": asked.message.pk, "checkpoint": Checkpoint()}
    finished = writer.submit(store.finish_iteration, **place, entry=ledger_entry(1), finish_reason="tool_calls")
    ended = writer.submit(store.finish_run, **place, outcome=Outcome("complete"), text="It is", entry=ledger_entry(2))
    assert await finished is True
    conversation = await ended
    assert conversation is not None
    assert conversation.pk == asked.conversation.pk
    assert (await Run.objects.aget()).status == "complete"
    assert [usage.iteration async for usage in TokenUsage.objects.order_by("pk")] == [1, 2]


@pytest.mark.parametrize("cuts", CUTS, ids=str)
async def test_each_of_a_group_is_told_its_own_outcome(writer: Writer, cut_at: CutAt, cuts: list[Cut]) -> None:
    user = await writer.submit(a_user)
    await asyncio.to_thread(writer.stop)
    cut_at(*cuts)
    created = [writer.submit(store.create_project, user_id=user.pk, name=f"Project {n}") for n in range(5)]
    refused = writer.submit(store.create_conversation, user_id=user.pk, project_id=uuid.uuid4())
    later = writer.submit(store.create_project, user_id=user.pk, name="Project 5")
    projects = [await future for future in [*created, later]]
    with pytest.raises(NotFound):
        await refused
    stored = [(project.pk, project.name) async for project in Project.objects.order_by("name")]
    assert stored == [(project.pk, project.name) for project in projects]


@pytest.mark.parametrize("cut", Cut)
async def test_nobody_is_told_that_it_failed_while_it_may_have_happened(
    writer: Writer, cut_at: CutAt, cut: Cut, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await writer.submit(a_user)
    await asyncio.to_thread(writer.stop)
    cut_at(cut)
    monkeypatch.setattr(writer, "PAUSES", (0.7,))
    asked = await writer.submit_with_timeout(0.5, ask, user)  # which ends after the first try, before the second
    assert (await Run.objects.aget()).pk == asked.run.pk


async def test_after_it_the_writer_goes_on_as_before(writer: Writer, cut_at: CutAt) -> None:
    user = await writer.submit(a_user)
    await asyncio.to_thread(writer.stop)
    cut_at(Cut.AFTER)
    groups = writer.groups
    for name in ("One", "Two", "Three"):
        await writer.submit(store.create_project, user_id=user.pk, name=name)
    assert [project.name async for project in Project.objects.order_by("created_at")] == ["One", "Two", "Three"]
    assert (await CommittedGroup.objects.aget()).number == writer.groups == groups + 3
