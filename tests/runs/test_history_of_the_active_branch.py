"""The active branch as messages for the model: complete, and in a form that strict servers accept."""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Preferences
from conversations.llm.request_body import encode_request_body
from conversations.llm.types import CompletionRequest, Endpoint
from conversations.models import Project, Step
from conversations.runner.history import NO_RESULT, UNANSWERED, load_history
from tests.data.rows import (
    ConversationBuilder,
    make_conversation,
    make_user,
    text_step,
    thinking_step,
    tool_call_step,
    tool_result_step,
)

pytestmark = pytest.mark.django_db

TODAY = date(2026, 2, 3)
UNLIMITED = 10_000_000


def sent_messages(builder: ConversationBuilder, budget: int = UNLIMITED) -> list[dict[str, Any]]:
    """Returns the messages of a request body."""
    history = load_history(run=builder.unsaved_run(), budget=budget, today=TODAY)
    body = encode_request_body(Endpoint("http://model", "m"), CompletionRequest(history))
    messages: list[dict[str, Any]] = orjson.loads(body)["messages"]
    return messages


def roles_and_contents(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in messages]


def test_the_system_message_has_the_prompt_the_project_instructions_and_the_date() -> None:
    project = Project.objects.create(owner=make_user(), name="Garden", instructions="\nSpeak of plants.\n")
    builder = ConversationBuilder(make_conversation(project=project, system_prompt="Be brief. "))
    builder.add_question("Hello")
    assert roles_and_contents(sent_messages(builder)) == [
        ("system", "Be brief.\n\nSpeak of plants.\n\nToday is Tuesday, 2026-02-03."),
        ("user", "Hello"),
    ]


def test_the_preferences_of_the_user_come_before_the_prompt() -> None:
    builder = ConversationBuilder(make_conversation(system_prompt="Be brief."))
    builder.add_question("Hello")
    preferences = Preferences(about=" I keep bees.\n", how_to_answer="In verse.")
    [system, *_] = load_history(run=builder.unsaved_run(), budget=UNLIMITED, today=TODAY, preferences=preferences)
    assert system.content == (
        "About the person who asks:\nI keep bees.\n\nHow this person wants to be answered:\nIn verse.\n\n"
        "Be brief.\n\nToday is Tuesday, 2026-02-03."
    )


def test_the_system_message_has_the_date_without_prompt_and_project() -> None:
    builder = ConversationBuilder()
    builder.add_question("Hello")
    assert sent_messages(builder)[0] == {"role": "system", "content": "Today is Tuesday, 2026-02-03."}


def test_calls_and_results_are_in_order_with_the_thinking_before_the_calls() -> None:
    builder = ConversationBuilder()
    builder.add_exchange(
        "Add and divide",
        thinking_step("Two tools"),
        text_step("Working. "),
        tool_call_step("a", "add", '{"x": 1}'),
        tool_call_step("b", "divide", '{"x": 2}'),
        tool_result_step("b", '{"success": true, "result": 2}'),
        tool_result_step("a", '{"success": true, "result": 1}'),
        thinking_step("Now I know", iteration=2),
        text_step("Done", iteration=2),
    )
    builder.add_question("Thanks")
    assert sent_messages(builder)[1:] == [
        {"role": "user", "content": "Add and divide"},
        {
            "role": "assistant",
            "content": "Working. ",
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "add", "arguments": '{"x": 1}'}},
                {"id": "b", "type": "function", "function": {"name": "divide", "arguments": '{"x": 2}'}},
            ],
            "reasoning_content": "Two tools",
        },
        {"role": "tool", "content": '{"success": true, "result": 1}', "tool_call_id": "a"},
        {"role": "tool", "content": '{"success": true, "result": 2}', "tool_call_id": "b"},
        {"role": "assistant", "content": "Done"},
        {"role": "user", "content": "Thanks"},
    ]


def test_only_the_active_branch_is_sent() -> None:
    builder = ConversationBuilder()
    first = builder.add_question("First version")
    builder.add_answer(text_step("To the first"))
    builder.leaf = first.parent
    builder.add_exchange("Second version", text_step("To the second"))
    builder.add_question("And now?")
    assert [content for _, content in roles_and_contents(sent_messages(builder))[1:]] == [
        "Second version",
        "To the second",
        "And now?",
    ]


def test_a_call_that_was_not_carried_out_gets_a_result() -> None:
    builder = ConversationBuilder()
    builder.add_question("Do two things")
    builder.add_answer(tool_call_step("a"), tool_call_step("b"), tool_result_step("a", "done"), status="cancelled")
    builder.add_question("Well?")
    _, _, message, *others = sent_messages(builder)
    assert [c["id"] for c in message["tool_calls"]] == ["a", "b"]
    assert roles_and_contents(others) == [
        ("tool", "done"),
        ("tool", NO_RESULT),
        ("assistant", UNANSWERED),
        ("user", "Well?"),
    ]


@pytest.mark.parametrize("arguments", ['{"unfinished', "", "[1]", '"text"', '{"x": NaN}', '{"a":' * 50_000])
def test_invalid_arguments_are_sent_as_an_empty_object(arguments: str) -> None:
    builder = ConversationBuilder()
    builder.add_exchange(
        "Do it",
        tool_call_step("a", "act", arguments),
        tool_result_step("a", '{"success": false}'),
        text_step("No", iteration=2),
    )
    builder.add_question("Again")
    [sent_call] = sent_messages(builder)[2]["tool_calls"]
    assert sent_call["function"]["arguments"] == "{}"


@pytest.mark.parametrize("status", ["cancelled", "failed"])
@pytest.mark.parametrize(
    "steps", [(), (thinking_step("Hm"),), (text_step(" \n"),)], ids=["no steps", "only thinking", "blank text"]
)
def test_an_unanswered_question_gets_a_placeholder_answer(status: str, steps: tuple[Step, ...]) -> None:
    builder = ConversationBuilder()
    builder.add_question("Hello?")
    builder.add_answer(*[Step(type=s.type, content=s.content, iteration=1) for s in steps], status=status)
    builder.add_question("Are you there?")
    assert roles_and_contents(sent_messages(builder))[1:] == [
        ("user", "Hello?"),
        ("assistant", UNANSWERED),
        ("user", "Are you there?"),
    ]


@pytest.mark.parametrize("status", ["cancelled", "failed"])
def test_a_partial_answer_is_sent(status: str) -> None:
    builder = ConversationBuilder()
    builder.add_question("Tell me")
    builder.add_answer(text_step("Once upon"), status=status)
    builder.add_question("Go on")
    assert roles_and_contents(sent_messages(builder))[2] == ("assistant", "Once upon")


# Generated conversations

words = st.sampled_from(["", " ", "Yes", "No\nand yes"])


@st.composite
def answers(draw: st.DrawFn) -> list[Step]:
    """Generates iterations with calls, cut off anywhere or followed by a text."""
    steps: list[Step] = []
    for iteration in range(1, draw(st.integers(0, 3)) + 1):
        steps += [thinking_step(draw(words), iteration), text_step(draw(words), iteration)]
        ids = [f"call_{iteration}_{n}" for n in range(draw(st.integers(0, 3)))]
        arguments = st.sampled_from(["{}", '{"x": 1}', "", "{", "[]"])
        steps += [tool_call_step(call_id, "act", draw(arguments), iteration) for call_id in ids]
        steps += [tool_result_step(call_id, iteration=iteration) for call_id in draw(st.permutations(ids))]
        if not ids:
            return steps
    return steps[: draw(st.integers(0, len(steps)))] if draw(st.booleans()) else [*steps, text_step(draw(words), 4)]


@given(st.lists(answers(), max_size=8), st.integers(0, 400))
def test_the_history_of_any_conversation_is_valid_for_strict_servers(script: list[list[Step]], budget: int) -> None:
    builder = ConversationBuilder()
    for steps in script:
        builder.add_exchange("A question", *steps)
    builder.add_question("The last question")
    messages = sent_messages(builder, budget)
    check_messages(messages)
    assert messages[-1] == {"role": "user", "content": "The last question"}
    assert messages[1:] == sent_messages(builder)[len(sent_messages(builder)) - len(messages) + 1 :]


def check_messages(messages: list[dict[str, Any]]) -> None:
    """Checks that there is one system message first, then questions and answers in turn, that an answer ends with a
    text and each of its calls is followed by its result, and that no message is empty."""
    assert messages[0]["role"] == "system"
    assert all(message["content"] or message.get("tool_calls") for message in messages)
    expected, open_calls = "user", list[str]()
    for message in messages[1:]:
        if open_calls:
            assert (message["role"], message["tool_call_id"]) == ("tool", open_calls.pop(0))
            continue
        assert message["role"] == expected
        assert message.keys() <= {"role", "content", "tool_calls", "reasoning_content"}
        assert "reasoning_content" not in message or message["tool_calls"]
        if message["role"] == "user":
            expected = "assistant"
            continue
        open_calls = [check_call(each) for each in message.get("tool_calls", [])]
        expected = "assistant" if open_calls else "user"
    assert (expected, open_calls) == ("assistant", []), "the last message is a question"


def check_call(call: dict[str, Any]) -> str:
    assert isinstance(orjson.loads(call["function"]["arguments"]), dict)
    assert call["function"]["name"]
    call_id: str = call["id"]
    return call_id
