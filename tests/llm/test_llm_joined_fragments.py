"""Words that came together are taken as one fragment; nothing else changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conversations.llm.client import joined
from conversations.llm.completion import Completion
from conversations.llm.types import Delta, Finish, TextDelta, ThinkingDelta, ToolCallDelta

ANY = st.one_of(
    st.builds(TextDelta, st.text(max_size=3)),
    st.builds(ThinkingDelta, st.text(max_size=3)),
    st.builds(ToolCallDelta, st.just(0), st.just("call"), st.just("name"), st.text(max_size=3)),
)


def test_words_of_a_kind_become_one_and_keep_their_place() -> None:
    call = ToolCallDelta(0, "call", "name", "{}")
    came: list[Delta] = [ThinkingDelta("Let "), ThinkingDelta("me"), TextDelta("It "), TextDelta("is"), call, call]
    assert list(joined([*came, TextDelta("."), Finish("stop")])) == [
        ThinkingDelta("Let me"),
        TextDelta("It is"),
        call,
        call,
        TextDelta("."),
        Finish("stop"),
    ]


@given(st.lists(ANY, max_size=12))
def test_an_answer_is_the_same(deltas: list[Delta]) -> None:
    alone, together = Completion(), Completion()
    for delta in deltas:
        alone.add(delta)
    for delta in joined(deltas):
        together.add(delta)
    assert (alone.text, alone.thinking, alone.tool_calls) == (together.text, together.thinking, together.tool_calls)
