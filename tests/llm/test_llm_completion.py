"""Deltas are folded into a completion."""

from conversations.llm.completion import Completion
from conversations.llm.types import (
    Delta,
    Finish,
    FunctionCall,
    TextDelta,
    TextWasThinking,
    ThinkingDelta,
    ToolCallDelta,
    Usage,
)


def folded(*deltas: Delta) -> Completion:
    completion = Completion()
    for delta in deltas:
        completion.add(delta)
    return completion


def test_nothing_is_an_unfinished_empty_completion() -> None:
    empty = folded()
    assert (empty.text, empty.thinking, empty.tool_calls, empty.usage, empty.finish_reason) == ("", "", (), None, None)


def test_fragments_are_joined_each_kind_for_itself() -> None:
    completion = folded(ThinkingDelta("H"), TextDelta("He"), ThinkingDelta("m"), TextDelta("llo"), Finish("stop"))
    assert (completion.text, completion.thinking, completion.finish_reason) == ("Hello", "Hm", "stop")


def test_interleaved_calls_are_kept_apart_in_order_of_appearance() -> None:
    completion = folded(
        ToolCallDelta(0, "a", "add", '{"x"'),
        ToolCallDelta(1, "b", "clock", "{"),
        ToolCallDelta(0, arguments=": 1}"),
        ToolCallDelta(1, arguments="}"),
    )
    assert completion.tool_calls == (FunctionCall("a", "add", '{"x": 1}'), FunctionCall("b", "clock", "{}"))


def test_text_that_was_thinking_is_thinking_and_what_follows_is_text() -> None:
    completion = folded(TextDelta("H"), TextDelta("m"), TextWasThinking(), TextDelta("Hello"))
    assert (completion.text, completion.thinking) == ("Hello", "Hm")


def test_line_ends_stay_as_they_are() -> None:
    completion = folded(TextDelta("a\r"), TextDelta("\nb\rc"), ToolCallDelta(0, "a", "add", "\r\n"))
    assert completion.text == "a\r\nb\rc"
    assert completion.tool_calls[0].arguments == "\r\n"


def test_the_last_usage_counts() -> None:
    assert folded(Usage(1, 1), Usage(3, 2)).usage == Usage(3, 2)


def test_it_can_be_read_while_it_grows() -> None:
    completion = folded(TextDelta("Hel"))
    assert completion.text == "Hel"
    completion.add(TextDelta("lo"))
    assert completion.text == "Hello"
