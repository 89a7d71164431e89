"""The oldest exchanges that do not fit into the context window are cut, in a way that seldom changes the beginning."""

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
    """Returns exchanges of about these numbers of tokens."""
    return [Exchange(n, (ChatMessage("user", "x" * 4 * size),)) for n, size in enumerate(sizes)]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.integers(-10, 400))
def test_the_newest_exchanges_that_fit_are_kept_and_always_the_last(sizes: list[int], budget: int) -> None:
    all_exchanges = exchanges(sizes)
    kept = list(fit(all_exchanges, budget))
    assert kept == all_exchanges[len(all_exchanges) - len(kept) :]
    assert kept[-1:] == all_exchanges[-1:]
    assert len(kept) == 1 or sum(e.tokens for e in kept) <= budget
    if sum(e.tokens for e in all_exchanges) <= budget:
        assert kept == all_exchanges


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.integers(0, 400))
def test_at_least_half_of_the_exchanges_that_fit_are_kept(sizes: list[int], budget: int) -> None:
    all_exchanges = exchanges(sizes)
    possible = max(
        (n for n in range(1, len(sizes) + 1) if sum(e.tokens for e in all_exchanges[-n:]) <= budget), default=1
    )
    assert len(fit(all_exchanges, budget)) * 2 >= possible


@given(st.lists(st.integers(0, 60), min_size=2, max_size=120), st.integers(50, 400))
def test_the_first_kept_exchange_never_moves_back(sizes: list[int], budget: int) -> None:
    all_exchanges = exchanges(sizes)
    beginnings = [fit(all_exchanges[: n + 1], budget)[0].position for n in range(len(sizes))]
    assert beginnings == sorted(beginnings)


@pytest.mark.django_db
def test_a_tool_call_is_never_separated_from_its_result() -> None:
    builder = ConversationBuilder()
    builder.add_exchange("Old", tool_call_step("a"), tool_result_step("a", "x" * 400), text_step("Old answer", 2))
    builder.add_exchange("New", tool_call_step("b"), tool_result_step("b", "y" * 400), text_step("New answer", 2))
    builder.add_question("Last")
    for budget in range(0, 400, 10):
        roles = [message.role for message in history(builder, budget)]
        exchange = ["user", "assistant", "tool", "assistant"]
        assert roles in [["system", *exchange * n, "user"] for n in range(3)]


@pytest.mark.django_db
def test_a_question_larger_than_the_window_is_still_sent() -> None:
    builder = ConversationBuilder()
    builder.add_exchange("Before", text_step("An answer"))
    builder.add_question("x" * 10_000)
    assert [m.content[:6] for m in history(builder, 100)][1:] == ["xxxxxx"]


@pytest.mark.django_db
@pytest.mark.parametrize("count", [PAGE // 2 - 1, PAGE // 2, PAGE // 2 + 1, PAGE, 2 * PAGE + 3])
def test_no_exchange_is_lost_or_split_at_a_page_boundary(count: int) -> None:
    builder = ConversationBuilder()
    builder.add_exchanges(count)
    builder.add_question("Last")
    sent = [(m.role, m.content.split()[0]) for m in history(builder, 1_000_000)[1:]]
    assert sent == [turn for n in range(count) for turn in (("user", str(n)), ("assistant", "word"))] + [
        ("user", "Last")
    ]


@pytest.mark.django_db
def test_a_long_conversation_is_read_only_as_far_as_needed() -> None:
    builder = ConversationBuilder()
    builder.add_exchanges(2_500, "word " * 20)
    builder.add_question("Last")
    run = builder.unsaved_run()
    with CaptureQueriesContext(connection) as queries:
        sent = load_history(run=run, budget=4_000, today=TODAY)
    assert 2_000 < tokens(sent) <= 4_000
    assert len(queries) <= 5
    for query in queries.captured_queries[1:]:
        assert query["sql"].count("'") // 2 <= PAGE + 10, "each query reads a page of messages"


@pytest.mark.django_db
def test_consecutive_requests_nearly_always_share_their_beginning() -> None:
    """Fifty exchanges of varying length, some with tools, of which about twenty fit into the window."""
    generator = random.Random(7)
    builder, budget = ConversationBuilder(), 2_000
    requests: list[list[ChatMessage]] = []
    for turn in range(50):
        builder.add_question(f"Question {turn}")
        requests.append(history(builder, budget))
        words = "word " * generator.randint(5, 100)
        tool_steps = [tool_call_step("a", "act", '{"x": 1}'), tool_result_step("a", words)] if turn % 3 == 0 else []
        builder.add_answer(*tool_steps, text_step(words, 2))
    assert max(map(tokens, requests)) <= budget
    changed = [request[: len(previous)] != previous for previous, request in pairwise(requests)]
    assert not any(changed[:15]), "nothing is cut while everything fits"
    assert 1 <= sum(changed) <= 6
