"""The number of tokens is estimated from the text alone."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.llm.tokens import estimate_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("a", 1),
        ("word", 1),
        ("words", 2),
        ("漢字仮名", 4),
        ("Привет", 3),
        ("🙂", 2),
        ("word漢字", 3),
        ("\ud800", 1),
    ],
)
def test_the_estimate_depends_on_the_writing_system(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


@given(st.text(), st.text())
def test_the_estimate_is_monotonic_and_additive_within_one_token(first: str, second: str) -> None:
    whole = estimate_tokens(first + second)
    apart = estimate_tokens(first) + estimate_tokens(second)
    assert max(estimate_tokens(first), estimate_tokens(second)) <= whole
    assert apart - 1 <= whole <= apart


def test_a_megabyte_is_estimated_quickly() -> None:
    text = "mixed 漢字 текст 🙂 " * 45_000
    assert len(text.encode()) > 1_000_000
    started = time.process_time()
    estimate_tokens(text)
    assert time.process_time() - started < 2
