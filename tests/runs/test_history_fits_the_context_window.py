"""What does not fit into the model's window is left out at the oldest end, so that the beginning seldom changes."""

from __future__ import annotations

import random
from datetime import date
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from conversations.llm.types import ChatMessage
from conversations.llm.usage import message_tokens
from conversations.runner.history import PAGE, Exchange, fit, load_history
from tests.data.rows import ConversationBuilder, text_step, tool_call_step, tool_result_step

TODAY = date(2026, 2, 3)


def history(builder: ConversationBuilder, budget: int) -> list[ChatMessage]:
    return load_history(run=builder.unsaved_run(), budget=budget, today=TODAY)


def tokens(messages: list[ChatMessage]) -> int:
    return sum(map(message_tokens, messages))


def exchanges(sizes: list[int]) -> list[Exchange]:
    """Exchanges of about so many tokens."""
    return [Exchange(n, (ChatMessage("user", "x" * 4 * size),)) for n, size in enumerate(sizes)]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.integers(-10, 400))
def test_the_newest_that_fit_are_kept_and_the_last_always(sizes: list[int], budget: int) -> None:
    everything = exchanges(sizes)
    kept = list(fit(everything, budget))
    assert kept == everything[len(everything) - len(kept) :]
    assert kept[-1:] == everything[-1:]
    assert len(kept) == 1 or sum(e.tokens for e in kept) <= budget
    if sum(e.tokens for e in everything) <= budget:
        assert kept == everything


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.integers(0, 400))
def test_at_least_half_of_what_would_fit_is_kept(sizes: list[int], budget: int) -> None:
    everything = exchanges(sizes)
    possible = max((n for n in range(1, len(sizes) + 1) if sum(e.tokens for e in everything[-n:]) <= budget), default=1)
    assert len(fit(everything, budget)) * 2 >= possible


@given(st.lists(st.integers(0, 60), min_size=2, max_size=120), st.integers(50, 400))
def test_the_beginning_never_goes_back(sizes: list[int], budget: int) -> None:
    everything = exchanges(sizes)
    beginnings = [fit(everything[: n + 1], budget)[0].position for n in range(len(sizes))]
    assert beginnings == sorted(beginnings)


@pytest.mark.django_db
def test_a_call_is_never_parted_from_its_result() -> None:
    builder = ConversationBuilder()
    builder.add_exchange("Old", tool_call_step("a"), tool_result_step("a", "x" * 400), text_step("Old answer", 2))
    builder.add_exchange("New", tool_call_step("b"), tool_result_step("b", "y" * 400), text_step("New answer", 2))
    builder.add_question("Last")
    for budget in range(0, 400, 10):
        roles = [message.role for message in history(builder, budget)]
        whole = ["user", "assistant", "tool", "assistant"]
        assert roles in [["system", *whole * n, "user"] for n in range(3)]


@pytest.mark.django_db
def test_a_question_larger_than_the_window_is_sent_all_the_same() -> None:
    builder = ConversationBuilder()
    builder.add_exchange("Before", text_step("An answer"))
    builder.add_question("x" * 10_000)
    assert [m.content[:6] for m in history(builder, 100)][1:] == ["xxxxxx"]


@pytest.mark.django_db
@pytest.mark.parametrize("count", [PAGE // 2 - 1, PAGE // 2, PAGE // 2 + 1, PAGE, 2 * PAGE + 3])
def test_no_exchange_is_lost_or_parted_where_one_page_follows_another(count: int) -> None:
    builder = ConversationBuilder()
    builder.add_exchanges(count)
    builder.add_question("Last")
    said = [(m.role, m.content.split()[0]) for m in history(builder, 1_000_000)[1:]]
    assert said == [turn for n in range(count) for turn in (("user", str(n)), ("assistant", "word"))] + [
        ("user", "Last")
    ]


@pytest.mark.django_db
def test_a_long_conversation_is_read_only_as_far_as_it_is_of_use() -> None:
    builder = ConversationBuilder()
    builder.add_exchanges(2_500, "word " * 20)
    builder.add_question("Last")
    run = builder.unsaved_run()
    with CaptureQueriesContext(connection) as queries:
        sent = load_history(run=run, budget=4_000, today=TODAY)
    assert 2_000 < tokens(sent) <= 4_000
    assert len(queries) <= 5
    for query in queries.captured_queries[1:]:
        assert query["sql"].count("'") // 2 <= PAGE + 10, "each reads a page of rows"


@pytest.mark.django_db
def test_what_was_sent_is_nearly_always_the_beginning_of_what_is_sent_next() -> None:
    """Fifty turns of varying length, some with tools, of which a window holds about twenty."""
    chance = random.Random(7)
    builder, budget = ConversationBuilder(), 2_000
    requests: list[list[ChatMessage]] = []
    for turn in range(50):
        builder.add_question(f"Question {turn}")
        requests.append(history(builder, budget))
        words = "word " * chance.randint(5, 100)
        used = [tool_call_step("a", "act", '{"x": 1}'), tool_result_step("a", words)] if turn % 3 == 0 else []
        builder.add_answer(*used, text_step(words, 2))
    assert max(map(tokens, requests)) <= budget
    overflowing = [after[: len(before)] != before for before, after in pairwise(requests)]
    assert not any(overflowing[:15]), "while all fits, nothing is cut"
    assert 1 <= sum(overflowing) <= 6
