"""The settings of a conversation are sent to the model, and settings that are null are not."""

from __future__ import annotations

import pytest

from accounts.models import Preferences
from tests.modelserver import MODEL, answer, calls, finish, text, tool_call
from tests.protocol.talk import talk

pytestmark = pytest.mark.django_db(transaction=True)


async def test_settings_of_the_conversation_and_its_project_are_sent_to_the_model() -> None:
    async with talk(calls(tool_call("calculator", {"expression": "1"})), answer("Yes")) as t:
        project = (await t.ada.call("project.create", name="Bees", instructions="Speak of bees."))["project"]
        created = await t.ada.call(
            "conversation.create",
            title="Configured",
            system_prompt="Be brief.",
            temperature=0.5,
            max_tokens=77,
            model=MODEL,
            project_id=project["id"],
        )
        shown = created["conversation"]
        assert (shown["system_prompt"], shown["temperature"], shown["max_tokens"]) == ("Be brief.", 0.5, 77)
        assert (shown["model"], shown["project_id"]) == (MODEL, project["id"])
        await t.ask("Hi", conversation_id=shown["id"])
        for request in t.model.requests:
            assert (request.body["temperature"], request.body["max_tokens"]) == (0.5, 77)
            system = request.body["messages"][0]["content"]
            assert system.index("Be brief.") < system.index("Speak of bees.") < system.index("Today is ")


async def test_preferences_are_sent_to_the_model_from_the_next_question_on() -> None:
    async with talk(answer("Yes"), answer("Yes")) as t:
        sent = await t.ask("Hi")
        preferences = Preferences(user=await t.site.user(), about="I keep bees.", how_to_answer="In verse.")
        await preferences.asave()
        await t.ask("And now?", conversation_id=sent["conversation_id"])
        before, after = [request.body["messages"][0]["content"] for request in t.model.requests]
        assert "bees" not in before
        assert after.index("I keep bees.") < after.index("In verse.") < after.index("Today is ")


async def test_null_settings_are_left_out() -> None:
    async with talk(answer("Yes")) as t:
        await t.ask("Hi")
        assert {"temperature", "max_tokens", "tool_choice"}.isdisjoint(t.model.requests[0].body)


async def test_a_temperature_of_zero_is_sent() -> None:
    async with talk(answer("Yes")) as t:
        created = (await t.ada.call("conversation.create", temperature=0))["conversation"]
        assert created["temperature"] == 0
        await t.ask("Hi", conversation_id=created["id"])
        assert t.model.requests[0].body["temperature"] == 0


async def test_thinking_is_switched_with_the_parameter_of_the_model_server() -> None:
    async with talk(answer("Yes"), LLM_THINKING_STYLE="enable_thinking") as t:
        for enabled in (True, False):
            created = (await t.ada.call("conversation.create", thinking_enabled=enabled))["conversation"]
            await t.ask("Hi", conversation_id=created["id"])
        assert [r.body["enable_thinking"] for r in t.model.requests] == [True, False]


async def test_a_model_in_message_send_is_used_for_that_answer_only() -> None:
    async with talk(answer("Yes"), LLM_MODELS=("small", "large")) as t:
        created = (await t.ada.call("conversation.create"))["conversation"]
        sent = await t.ask("Hi", conversation_id=created["id"], model="large")
        await t.ask("Hi", conversation_id=created["id"])
        assert [r.body["model"] for r in t.model.requests] == ["large", "small"]
        assert (await t.ada.until("run_started", run_id=sent["run_id"]))["model"] == "large"
        assert [m["model"] for m in await t.messages(created["id"])] == [None, "large", None, "small"]
        got = await t.ada.call("conversation.get", conversation_id=created["id"])
        assert got["conversation"]["model"] is None


async def test_the_model_of_the_conversation_is_used() -> None:
    async with talk(answer("Yes"), LLM_MODELS=("small", "large")) as t:
        created = (await t.ada.call("conversation.create", model="large"))["conversation"]
        await t.ask("Hi", conversation_id=created["id"])
        assert t.model.requests[0].body["model"] == "large"


async def test_done_carries_the_finish_reason_of_the_model() -> None:
    reasons = ("stop", "length", "content_filter")
    async with talk(*([text("Yes"), finish(reason)] for reason in reasons)) as t:
        for reason in reasons:
            sent = await t.ask("Hi")
            end = (await t.ada.ended(sent["run_id"]))["params"]
            assert (end["status"], end["finish_reason"]) == ("complete", reason)


async def test_an_empty_answer_is_complete() -> None:
    async with talk([finish()]) as t:
        sent = await t.ask("Hi")
        assert (await t.ada.ended(sent["run_id"]))["params"]["status"] == "complete"
        assert (await t.messages(sent["conversation_id"]))[-1]["content"]["text"] == ""
