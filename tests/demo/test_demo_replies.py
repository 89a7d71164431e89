"""The demo model's next reply depends on the history, the available tools and the tool choice."""

import json
from typing import Any

import pytest

from conversations.demo.intents import Intent
from conversations.demo.replies import Reply, make_reply
from tests.demo.histories import TOOLS, request_of, tool_call_messages, user_message

QUESTION = "what is 2 * 3?"
CALL = Intent("calculator", {"expression": "2 * 3"})
CALLED = tool_call_messages("calculator", '{"expression": "2 * 3"}', '{"success": true, "result": "6"}')


def reply_to(*messages: dict[str, Any], **fields: Any) -> Reply:
    return make_reply(request_of(messages, **fields))


def test_a_call_comes_first_and_the_answer_after_its_result() -> None:
    assert reply_to(user_message(QUESTION)).calls == [CALL]
    reply = reply_to(user_message(QUESTION), *CALLED)
    assert not reply.calls
    assert "`2 * 3` = **6**" in reply.text


def test_only_available_tools_are_called_and_the_answer_names_the_missing_ones() -> None:
    for tools in (["current_time"], []):
        reply = reply_to(user_message(QUESTION), tools=tools)
        assert not reply.calls
        assert "`calculator`" in reply.text


def test_the_tool_choice_limits_what_is_called() -> None:
    question = user_message("What is 2 * 3, and what time is it?")
    forced = {"type": "function", "function": {"name": "current_time"}}
    assert not reply_to(question, tool_choice="none").calls
    assert [call.tool for call in reply_to(question, tool_choice=forced).calls] == ["current_time"]
    assert [call.tool for call in reply_to(question, tool_choice="required").calls] == ["calculator", "current_time"]


def test_after_a_failure_nothing_that_depends_on_it_is_called() -> None:
    failure = tool_call_messages("write_file", '{"path": "a.txt"}', '{"success": false, "error": "disk | *full*"}')
    reply = reply_to(user_message("write x to a.txt, then read it back"), *failure)
    assert not reply.calls
    assert "`write_file` failed: `disk | *full*`" in reply.text


def test_results_of_an_earlier_question_do_not_answer_the_next_one() -> None:
    history = [user_message(QUESTION), *CALLED, {"role": "assistant", "content": "6"}]
    assert reply_to(*history, user_message("what is 4 * 5?")).calls == [Intent("calculator", {"expression": "4 * 5"})]


def test_a_history_without_a_question_is_answered() -> None:
    assert reply_to({"role": "system", "content": "Be brief."}).text
    assert reply_to(*CALLED).text


def test_thinking_is_omitted_when_it_is_turned_off() -> None:
    for question in (QUESTION, "hello"):
        assert reply_to(user_message(question)).thinking
        assert reply_to(user_message(question), enable_thinking=False).thinking == ""


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("hello", "demo model"),
        ("你好", "演示模型"),
        ("Wie geht es dir?", "demo model"),
        ("こんにちは、世界", "demo model"),
    ],
)
def test_chinese_is_answered_in_chinese_and_everything_else_in_english(question: str, words: str) -> None:
    assert words in reply_to(user_message(question)).text


@pytest.mark.parametrize("content", ["", "```", "a ```` b", "\n", "`" * 9])
def test_file_content_cannot_end_its_code_block(content: str) -> None:
    result = json.dumps({"success": True, "result": {"path": "a.md", "content": content}})
    reply = reply_to(user_message("read a.md"), *tool_call_messages("read_file", '{"path": "a.md"}', result))
    fence = next(line for line in reply.text.splitlines() if line.startswith("```"))
    assert fence not in content
    assert reply.text.count(f"\n{fence}\n") == 2


@pytest.mark.parametrize(
    "result",
    [
        *("", "plain words", "[1, 2]", "null", '{"success": false}', '{"result": null}', '"\\ud800"', "[" * 5_000),
        '{"success": true, "result": {"entries": [1, {}, null, {"path": 2}]}}',
        '{"success": true, "result": {"time": "", "weekday": null, "timezone": {}, "path": [], "content": ""}}',
    ],
)
def test_a_result_of_any_shape_is_reported(result: str) -> None:
    for name in (*TOOLS, "unknown"):
        assert reply_to(user_message(QUESTION), *tool_call_messages(name, "not JSON", result, result)).text
