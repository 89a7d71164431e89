"""Every run ends once, and clients get its end, whatever fails: a tool, the model, a setting or the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import connection

from accounts.models import Preferences
from conversations.db.readers import Readers
from conversations.db.writer import Writer
from conversations.llm.client import ModelClient
from conversations.llm.types import Endpoint
from conversations.models import Conversation, Message, Run, Step
from conversations.providers.catalog import CatalogEntry, ModelCatalog
from conversations.queries.stored_runs import run_identity
from conversations.runner.dependencies import RunDependencies, RunLimits
from conversations.runner.run_task import INTERRUPTED, RunTask
from conversations.runs.live import LiveRun
from tests.data.rows import ConversationBuilder, make_user, store_question, tool_call_step
from tests.modelserver import answer, calls, hang, model_server, tool_call
from tests.site import running_site
from tools.registry import ToolRegistry

pytestmark = pytest.mark.django_db(transaction=True)

REFUSALS = {
    "sqlite": (
        "CREATE TRIGGER no_end BEFORE UPDATE OF ended_at ON conversations_run"
        " BEGIN SELECT RAISE(ABORT, 'refused'); END",
        "DROP TRIGGER no_end",
    ),
    "postgresql": (
        "ALTER TABLE conversations_run ADD CONSTRAINT no_end CHECK (ended_at IS NULL)",
        "ALTER TABLE conversations_run DROP CONSTRAINT no_end",
    ),
}


async def test_failing_tools_do_not_end_a_run() -> None:
    failing = calls(
        tool_call("calculator", {"expression": "1/0"}),
        tool_call("calculator", {"wrong": 1}, call_id="b", index=1),
        tool_call("calculator", '{"broken', call_id="c", index=2),
        tool_call("nonsense", {}, call_id="d", index=3),
        tool_call("read_file", {"path": "../../etc/passwd"}, call_id="e", index=4),
    )
    async with model_server(failing, answer("Sorry.")) as model, running_site(model) as site, site.client() as ada:
        sent = await ada.call("message.send", text="Try everything")
        assert (await ada.ended(sent["run_id"]))["params"]["status"] == "complete"
        results = [step for step in ada.steps(sent["run_id"]) if step["type"] == "tool_result"]
        assert len(results) == 5
        assert not any(step["success"] for step in results)
        call_ids = [m["tool_call_id"] for m in model.requests[1].body["messages"] if m["role"] == "tool"]
        assert call_ids == ["call_1", "b", "c", "d", "e"]


async def test_exceeding_max_iterations_fails_the_run_and_keeps_its_steps() -> None:
    async with (
        model_server(calls(tool_call("calculator", {"expression": "6*7"}))) as model,
        running_site(model, MAX_ITERATIONS=3) as site,
        site.client() as ada,
    ):
        sent = await ada.call("message.send", text="6*7?")
        end = await ada.ended(sent["run_id"])
        assert (end["method"], end["params"]["code"]) == ("error", "max_iterations")
        assert [r.body.get("tool_choice") for r in model.requests] == [None, None, "none"]
        kinds = [step["type"] for step in ada.steps(sent["run_id"])]
        assert kinds == ["tool_call", "tool_result", "tool_call", "tool_result", "tool_call"]
        assert [step.type async for step in Step.objects.order_by("index")] == kinds
        assert not await Step.objects.filter(type="tool_call").exclude(status="finished").aexists()
        assert (await Run.objects.aget()).error_code == "max_iterations"


async def test_a_model_that_was_removed_gives_the_error_unknown_model() -> None:
    async with model_server(answer("Hello")) as model, running_site(model) as site, site.client() as ada:
        first = await ada.call("message.send", text="Hi")
        await ada.ended(first["run_id"])
        site.runner.catalog._by_name.clear()
        sent = await ada.call("message.send", text="Still there?", conversation_id=first["conversation_id"])
        assert (await ada.ended(sent["run_id"]))["params"]["code"] == "unknown_model"


@pytest_asyncio.fixture
async def end_refused() -> AsyncIterator[None]:
    """Makes the database refuse to store the end of a run."""

    def execute(sql: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql)

    refuse, allow = REFUSALS[connection.vendor]
    await sync_to_async(execute)(refuse)
    yield
    await sync_to_async(execute)(allow)


@pytest.mark.usefixtures("end_refused")
async def test_clients_get_an_error_if_the_end_of_a_run_cannot_be_stored() -> None:
    async with model_server(answer("Hello")) as model, running_site(model) as site, site.client() as ada:
        sent = await ada.call("message.send", text="Hi")
        end = await ada.ended(sent["run_id"])
        assert (end["method"], end["params"]["code"]) == ("error", "internal")
        assert site.runner.live_run(sent["conversation_id"]) is None
        other = await ada.call("message.send", text="Still there?")
        assert (await ada.ended(other["run_id"]))["params"]["code"] == "internal"


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
async def test_the_model_gets_the_date_in_the_time_zone_of_the_user(zone: str) -> None:
    async with model_server(answer("Hello")) as model, running_site(model) as site, site.client() as ada:
        await Preferences.objects.acreate(user=await site.user(), time_zone=zone)
        before = datetime.now(ZoneInfo(zone)).date()
        sent = await ada.call("message.send", text="Which day is it?")
        await ada.ended(sent["run_id"])
        system = model.requests[0].body["messages"][0]["content"]
        assert any(day.isoformat() in system for day in (before, datetime.now(ZoneInfo(zone)).date()))


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "/etc/passwd", "Europe", " "])
async def test_an_invalid_time_zone_falls_back_to_utc(zone: str) -> None:
    async with model_server(answer("Hello")) as model, running_site(model) as site, site.client() as ada:
        await Preferences.objects.acreate(user=await site.user(), time_zone=zone)
        before = datetime.now(UTC).date()
        sent = await ada.call("message.send", text="Which day is it?")
        assert (await ada.ended(sent["run_id"]))["method"] == "done"
        system = model.requests[0].body["messages"][0]["content"]
        assert any(day.isoformat() in system for day in (before, datetime.now(UTC).date()))


async def test_an_interrupted_tool_call_is_completed_in_the_history_of_the_next_run() -> None:
    def interrupted_conversation() -> ConversationBuilder:
        builder = ConversationBuilder(Conversation.objects.create(owner=make_user()))
        builder.add_question("Do it")
        builder.add_answer(tool_call_step("a", "calculator", '{"expr'), status="cancelled")
        return builder

    builder = await sync_to_async(interrupted_conversation)()
    async with model_server(answer("Yes.")) as model, running_site(model) as site, site.client() as ada:
        conversation_id = str(builder.conversation.pk)
        sent = await ada.call("message.send", text="Well?", conversation_id=conversation_id)
        assert (await ada.ended(sent["run_id"]))["params"]["status"] == "complete"
        roles = [message["role"] for message in model.requests[0].body["messages"]]
        assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]


# Run tasks without connections


@pytest_asyncio.fixture
async def dependencies(tmp_path: Path) -> AsyncIterator[RunDependencies]:
    async with model_server([hang()]) as model:
        dependencies = RunDependencies(
            writer=Writer(),
            readers=Readers(),
            client=ModelClient(),
            catalog=ModelCatalog([CatalogEntry("small", "Small", "test", Endpoint(model.base_url, "small"), 8192)]),
            tools=ToolRegistry(),
            limits=RunLimits(),
            workspaces=tmp_path,
        )
        yield dependencies
        await asyncio.to_thread(dependencies.writer.stop)
        await asyncio.to_thread(dependencies.readers.stop)
        await dependencies.client.close()


async def make_run_task(dependencies: RunDependencies) -> tuple[RunTask, asyncio.Future[Conversation | None]]:
    """Returns the task of a stored run, and a future that resolves when the run ends."""
    stored = await sync_to_async(store_question)("Tell me")
    ended: asyncio.Future[Conversation | None] = asyncio.get_running_loop().create_future()
    live = LiveRun(run_identity(stored.run))

    def on_end(task: RunTask, conversation: Conversation | None) -> None:
        ended.set_result(conversation)

    def on_loss(task: RunTask) -> None:
        raise AssertionError("the run was lost to another process")

    async def confirm() -> None:
        """The run is still owned by this process."""

    return RunTask(stored.run, live, dependencies, confirm=confirm, on_end=on_end, on_loss=on_loss), ended


async def test_a_run_cancelled_before_its_first_step_is_stored_as_cancelled(dependencies: RunDependencies) -> None:
    task, ended = await make_run_task(dependencies)
    task.start()
    task.cancel()
    assert await asyncio.wait_for(ended, 30) is not None
    await task.wait()
    assert task.live.outcome is not None
    assert task.live.outcome.status == (await Run.objects.aget()).status == "cancelled"
    assert (await Message.objects.aget(role="assistant")).status == "cancelled"


async def test_the_first_of_two_reasons_to_stop_counts(dependencies: RunDependencies) -> None:
    task, ended = await make_run_task(dependencies)
    task.start()
    await asyncio.sleep(0)
    task.cancel()
    task.stop(INTERRUPTED)
    task.cancel()
    await asyncio.wait_for(ended, 30)
    await task.wait()
    assert (await Run.objects.aget()).status == "cancelled"
