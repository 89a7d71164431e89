"""What comes next: a call or the answer, by the history, the tools on offer and the choice that the request makes."""

import json
from typing import Any

import pytest

from conversations.demo.brain import Prompt, Reply, plan_reply
from conversations.demo.wishes import Wish
from conversations.llm.types import ChatMessage, FunctionCall, FunctionDefinition

SUM = "what is 2 * 3?"
CALCULATOR = FunctionDefinition(
    "calculator", "", {"type": "object", "properties": {"expression": {"type": "string"}}, "required": ["expression"]}
)
PAINT = FunctionDefinition(
    "paint",
    "",
    {
        "type": "object",
        "properties": {
            "color": {"enum": ["red", "blue"]},
            "layers": {"type": "integer"},
            "glossy": {"type": "boolean"},
        },
        "required": ["color", "layers"],
    },
)


def plan(
    *messages: ChatMessage, functions: tuple[FunctionDefinition, ...] = (CALCULATOR, PAINT), **choice: Any
) -> Reply:
    return plan_reply(Prompt(messages, {function.name: function for function in functions}, **choice))


def asked(question: str) -> ChatMessage:
    return ChatMessage("user", question)


def called(*results: object, name: str = "calculator", arguments: str = '{"expression": "2 * 3"}') -> list[ChatMessage]:
    """A round of calls and what each gave."""
    calls = tuple(FunctionCall(f"call-{place}", name, arguments) for place in range(len(results)))
    contents = (result if isinstance(result, str) else json.dumps(result) for result in results)
    answers = (ChatMessage("tool", text, tool_call_id=call.id) for call, text in zip(calls, contents, strict=True))
    return [ChatMessage("assistant", "", tool_calls=calls), *answers]


def test_a_call_comes_first_and_the_answer_after_its_result() -> None:
    assert plan(asked(SUM)).calls == (Wish("calculator", {"expression": "2 * 3"}),)
    reply = plan(asked(SUM), *called({"success": True, "result": "6"}))
    assert reply.calls == ()
    assert "`2 * 3`: **6**" in reply.text


def test_only_tools_on_offer_are_called_and_the_answer_says_which_are_missing() -> None:
    reply = plan(asked(SUM), functions=(PAINT,))
    assert reply.calls == ()
    assert "`calculator`" in reply.text


def test_no_tool_is_called_when_the_choice_is_none() -> None:
    assert plan(asked(SUM), may_call=False).calls == ()


def test_a_required_call_is_made_even_if_nothing_asks_for_it() -> None:
    assert plan(asked("hello"), must_call=True).calls == (Wish("calculator", {"expression": "demo"}),)
    assert plan(asked(SUM), must_call=True).calls == (Wish("calculator", {"expression": "2 * 3"}),)


def test_a_forced_function_gets_arguments_that_fit_its_schema() -> None:
    assert plan(asked("hello"), forced_function="paint").calls == (Wish("paint", {"color": "red", "layers": 1}),)


def test_any_tool_can_be_called_by_its_name_once() -> None:
    question = asked('call paint {"color": "blue", "layers": 2}')
    assert plan(question).calls == (Wish("paint", {"color": "blue", "layers": 2}),)
    reply = plan(question, *called({"success": True, "result": {"done": True}}, name="paint", arguments="{}"))
    assert reply.calls == ()
    assert '"done": true' in reply.text


def test_after_a_failure_nothing_that_depends_on_it_is_called() -> None:
    files = tuple(FunctionDefinition(name, "", {}) for name in ("write_file", "read_file"))
    failure = called({"success": False, "error": "disk *full*"}, name="write_file", arguments='{"path": "a.txt"}')
    reply = plan(asked("write x to a.txt, then read it back"), *failure, functions=files)
    assert reply.calls == ()
    assert r"`write_file` did not work: disk \*full\*" in reply.text


def test_an_earlier_question_s_results_do_not_answer_the_next_one() -> None:
    history = [asked(SUM), *called({"success": True, "result": "6"}), ChatMessage("assistant", "6")]
    assert plan(*history, asked("what is 4 * 5?")).calls == (Wish("calculator", {"expression": "4 * 5"}),)


def test_thinking_is_left_out_where_it_is_switched_off() -> None:
    for question in (SUM, "hello"):
        assert plan(asked(question)).thinking
        assert plan(asked(question), thinks=False).thinking == ""


@pytest.mark.parametrize("content", ["", "```", "a ```` b", "\n", "`" * 9])
def test_what_a_file_contains_cannot_end_its_code_block(content: str) -> None:
    result = {"success": True, "result": {"content": content}}
    reply = plan(asked("read a.md"), *called(result, name="read_file", arguments='{"path": "a.md"}'))
    fence = next(line for line in reply.text.splitlines() if line.startswith("```")).removesuffix("markdown")
    assert fence not in content
    assert reply.text.count(f"\n{fence}\n") == 1


@pytest.mark.parametrize("result", ["", "plain words", "[1, 2]", "null", '{"success": false}', '{"result": null}'])
def test_a_result_of_any_shape_is_told(result: str) -> None:
    for name in ("calculator", "current_time", "read_file", "write_file", "list_files", "unknown"):
        assert plan(asked(SUM), *called(result, result, name=name, arguments="not JSON")).text
