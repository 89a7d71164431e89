"""A completion accumulates deltas."""

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


def completion_of(*deltas: Delta) -> Completion:
    completion = Completion()
    for delta in deltas:
        completion.add(delta)
    return completion


def test_a_completion_without_deltas_is_empty_and_unfinished() -> None:
    empty = completion_of()
    assert (empty.text, empty.thinking, empty.tool_calls, empty.usage, empty.finish_reason) == ("", "", (), None, None)


def test_text_and_thinking_fragments_are_joined_separately() -> None:
    completion = completion_of(
        ThinkingDelta("H"), TextDelta("He"), ThinkingDelta("m"), TextDelta("llo"), Finish("stop")
    )
    assert (completion.text, completion.thinking, completion.finish_reason) == ("Hello", "Hm", "stop")


def test_interleaved_tool_calls_stay_separate_in_order_of_first_appearance() -> None:
    completion = completion_of(
        ToolCallDelta(0, "a", "add", '{"x"'),
        ToolCallDelta(1, "b", "clock", "{"),
        ToolCallDelta(0, arguments=": 1}"),
        ToolCallDelta(1, arguments="}"),
    )
    assert completion.tool_calls == (FunctionCall("a", "add", '{"x": 1}'), FunctionCall("b", "clock", "{}"))


def test_text_reclassified_as_thinking_moves_to_thinking_and_later_text_stays_text() -> None:
    completion = completion_of(TextDelta("H"), TextDelta("m"), TextWasThinking(), TextDelta("Hello"))
    assert (completion.text, completion.thinking) == ("Hello", "Hm")


def test_line_endings_are_kept() -> None:
    completion = completion_of(TextDelta("a\r"), TextDelta("\nb\rc"), ToolCallDelta(0, "a", "add", "\r\n"))
    assert completion.text == "a\r\nb\rc"
    assert completion.tool_calls[0].arguments == "\r\n"


def test_the_last_usage_wins() -> None:
    assert completion_of(Usage(1, 1), Usage(3, 2)).usage == Usage(3, 2)


def test_a_completion_can_be_read_between_deltas() -> None:
    completion = completion_of(TextDelta("Hel"))
    assert completion.text == "Hel"
    completion.add(TextDelta("lo"))
    assert completion.text == "Hello"
