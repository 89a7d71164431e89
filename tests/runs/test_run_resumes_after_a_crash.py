"""A run whose process died resumes after its last finished model call, and repeats no tool call with side effects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings

from conversations.llm.types import FunctionCall
from conversations.models import Run, Step, TokenUsage
from conversations.runs.events import IterationStarted, RunCompleted, StepStarted
from conversations.runs.model_call import Iteration
from tests.data.rows import store_question
from tests.modelserver import MODEL, ModelServer, answer, model_server
from tests.runs.scripted_model import ScriptedModel, look, run_events, text_reply, tool_call_reply, tool_results
from tests.site import running_site
from tools.types import ToolResult

pytestmark = pytest.mark.django_db(transaction=True)


def first_iteration(call_id: str, place: int, *, has_result: bool) -> Iteration:
    """Returns an iteration with one call of `look`."""
    call = FunctionCall(call_id, "look", json.dumps({"place": place}))
    results = {call_id: ToolResult(call_id, "look", '{"success":true}', True)} if has_result else {}
    return Iteration(1, "Let me look", "", [(2, call)], results, "tool_calls")


async def test_iterations_steps_and_call_ids_continue_after_the_finished_ones() -> None:
    model = ScriptedModel(tool_call_reply(("look", '{"place": 1}'), ids=["id0"]), text_reply("done"))
    plan: dict[str, Any] = {
        "done": [first_iteration("id0", 0, has_result=True)],
        "next_index": 5,
        "used_ids": frozenset({"id0"}),
    }
    events = await run_events(model, look, tool_choice="required", max_iterations=3, **plan)
    assert [e.iteration for e in events if isinstance(e, IterationStarted)] == [2, 3]
    assert [(e.index, e.id_ref) for e in events if isinstance(e, StepStarted)] == [(5, "id0_1"), (7, "")]
    assert [request.tool_choice for request in model.requests] == ["auto", "none"]
    assert [message.role for message in model.requests[0].messages][-2:] == ["assistant", "tool"]


async def test_tool_calls_without_a_result_run_first() -> None:
    model = ScriptedModel(text_reply("done"))
    events = await run_events(model, look, done=[first_iteration("id0", 7, has_result=False)], next_index=3)
    assert [(r.index, r.id_ref, r.success) for r in tool_results(events)] == [(3, "id0", True)]
    assert "nothing at 7" in model.requests[0].messages[-1].content


async def test_a_run_that_lacks_only_its_end_does_not_call_the_model() -> None:
    model = ScriptedModel(text_reply("not requested"))
    events = await run_events(model, look, done=[Iteration(1, "The answer", "", [], {}, "length")])
    assert events == [RunCompleted("length")]
    assert model.requests == []


class CrashedRun:
    """A run with one tool call, whose process died. `status` is that of the call."""

    def __init__(self, name: str, arguments: dict[str, Any], status: str) -> None:
        self.name, self.arguments, self.status = name, json.dumps(arguments), status
        self.ids: dict[str, str] = {}

    def store(self, *, result: str | None = None) -> None:
        stored = store_question("Do it", owner="a process that died", model=MODEL)
        Run.objects.filter(pk=stored.run.pk).update(iteration=1, finish_reason="tool_calls")
        self.ids = {"conversation_id": str(stored.conversation.pk), "run_id": str(stored.run.pk)}
        call = {"id_ref": "c1", "name": self.name, "iteration": 1}
        Step.objects.create(
            message=stored.message,
            index=0,
            type="tool_call",
            arguments=self.arguments,
            size=len(self.arguments),
            status=self.status,
            **call,
        )
        if result is not None:
            Step.objects.create(
                message=stored.message,
                index=1,
                type="tool_result",
                content=result,
                size=len(result),
                success=True,
                execution_time=1.0,
                **call,
            )

    @property
    def file(self) -> Path:
        folder: Path = settings.VAR_DIR / "workspaces" / "conversations" / self.ids["conversation_id"]
        return folder / "note.txt"

    async def resume(self, model: ModelServer) -> list[dict[str, Any]]:
        """Starts a process that resumes the run. Returns the steps at its end."""
        async with running_site(model) as site, site.client() as ada:
            await ada.call("conversation.subscribe", **self.ids)
            assert (await ada.ended(self.ids["run_id"]))["method"] == "done"
            return ada.steps(self.ids["run_id"])


async def test_an_interrupted_read_only_call_is_repeated() -> None:
    crashed = CrashedRun("calculator", {"expression": "6*7"}, "running")
    await sync_to_async(crashed.store)()
    async with model_server(answer("42")) as model:
        call, result, text = await crashed.resume(model)
    assert (call["status"], result["success"], text["content"]) == ("finished", True, "42")
    assert json.loads(result["content"])["result"] == "42"


async def test_a_started_call_with_side_effects_is_reported_as_of_unknown_outcome() -> None:
    crashed = CrashedRun("write_file", {"path": "note.txt", "content": "hello"}, "running")
    await sync_to_async(crashed.store)()
    async with model_server(answer("I will check")) as model:
        _, result, _ = await crashed.resume(model)
    assert result["success"] is False
    assert "not known" in json.loads(result["content"])["error"]
    assert not crashed.file.exists()


async def test_a_call_with_side_effects_that_had_not_started_runs() -> None:
    crashed = CrashedRun("write_file", {"path": "note.txt", "content": "hello"}, "streaming")
    await sync_to_async(crashed.store)()
    async with model_server(answer("Written")) as model:
        _, result, _ = await crashed.resume(model)
    assert result["success"] is True
    assert crashed.file.read_text() == "hello"


async def test_a_stored_result_is_kept_and_sent_to_the_model() -> None:
    kept = '{"success":true,"result":"kept","execution_time":1.0}'
    crashed = CrashedRun("write_file", {"path": "note.txt", "content": "hello"}, "finished")
    await sync_to_async(crashed.store)(result=kept)
    async with model_server(answer("Good")) as model:
        steps = await crashed.resume(model)
        messages = model.requests[0].body["messages"]
    assert [step["type"] for step in steps] == ["tool_call", "tool_result", "text"]
    assert messages[-1] == {"role": "tool", "content": kept, "tool_call_id": "c1"}
    assert not crashed.file.exists()
    assert await TokenUsage.objects.acount() == 1
