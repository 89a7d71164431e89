"""Fragments that arrive together are merged into one delta, and nothing else changes."""

from __future__ import annotations

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from conversations.llm.completion import Completion
from conversations.llm.response_decoder import ResponseDecoder
from conversations.llm.types import Delta, Finish, TextDelta, ThinkingDelta, ToolCallDelta
from tests.modelserver import Part, body_of, done, finish, text, thinking, tool_arguments, tool_call

CALL = tool_call("name", "{", call_id="call")
ANY_PARTS = st.lists(
    st.one_of(
        st.builds(text, st.text(max_size=3) | st.sampled_from(["<think>", "</think>", "<thi"])),
        st.builds(thinking, st.text(max_size=3)),
        st.builds(tool_arguments, st.text(max_size=3)),
    ),
    max_size=12,
)


def decode(*bodies: bytes) -> list[Delta]:
    """Returns the deltas of a response whose body arrives in these reads."""
    decoder = ResponseDecoder()
    deltas: list[Delta] = []
    for body in bodies:
        decoder.feed(body)
        deltas += decoder.chunks.take()
    return deltas


def completion_of(deltas: list[Delta]) -> tuple[object, ...]:
    completion = Completion()
    for delta in deltas:
        completion.add(delta)
    return completion.text, completion.thinking, completion.tool_calls, completion.finish_reason


def test_adjacent_fragments_of_one_kind_are_merged_in_place() -> None:
    words = [thinking("Let "), thinking("me"), text("It "), text("is"), CALL, tool_arguments("}"), text("."), finish()]
    assert decode(body_of([*words, done()])) == [
        ThinkingDelta("Let me"),
        TextDelta("It is"),
        ToolCallDelta(0, "call", "name", "{}"),
        TextDelta("."),
        Finish("tool_calls"),
    ]


@given(ANY_PARTS)
def test_merging_does_not_change_the_completion(parts: list[Part]) -> None:
    parts = [CALL, *parts, finish(), done()]
    together, apart = decode(body_of(parts)), decode(*(body_of([part]) for part in parts))
    assert completion_of(together) == completion_of(apart)
    assert all(len(list(group)) == 1 for kind, group in groupby(together, type) if kind is not ToolCallDelta)
