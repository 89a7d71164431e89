from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from tools.registry import tool
from tools.results import failure_content, repair_text, skipped_content, success_content
from tools.types import ToolError


@dataclass
class Point:
    x: int


class Model(BaseModel):
    name: str


class Odd:
    def __str__(self) -> str:
        return "odd"


circle: list[Any] = []
circle.append(circle)


def told(result: object, limit: int = 1000) -> Any:
    return json.loads(success_content(result, 0.5, limit), parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (None, None),
        ([1, 2.5, True, "é"], [1, 2.5, True, "é"]),
        (10**30, 10**30),
        (Point(1), {"x": 1}),
        ([Model(name="a")], [{"name": "a"}]),
        ({1: "a", None: "b"}, {"1": "a", "None": "b"}),
        ({2}, [2]),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
        (Decimal("0.10"), "0.10"),
        (PurePosixPath("a/b"), "a/b"),
        (Odd(), "odd"),
        ([Odd()], ["odd"]),
        (b"\xff", "b'\\xff'"),
        (circle, "[[...]]"),
        ([math.nan, {"a": math.inf}, -math.inf], ["nan", {"a": "inf"}, "-inf"]),
        ("a\0b\ud800c\ud83d\ude00", "a\ufffdb\ufffdc😀"),
        ({"\0": ["\udfff"]}, {"\ufffd": ["\ufffd"]}),
    ],
)
def test_every_result_becomes_valid_json(result: object, shown: object) -> None:
    assert told(result) == {"success": True, "result": shown, "execution_time": 0.5}


def test_the_text_is_unescaped_and_its_keys_are_in_order() -> None:
    assert success_content("größer 😀", 0.25, 100) == '{"success": true, "result": "größer 😀", "execution_time": 0.25}'
    assert failure_content("größer") == '{"success": false, "error": "größer"}'


def test_a_result_that_serves_again_says_so_last() -> None:
    again = skipped_content(success_content([1], 0.25, 100))
    assert again == '{"success": true, "result": [1], "execution_time": 0.0, "skipped": true}'
    assert skipped_content(failure_content("no")) == '{"success": false, "error": "no", "skipped": true}'


def test_a_long_text_is_cut_with_a_note() -> None:
    cut = told("x" * 2500, limit=1000)
    assert cut == {
        "success": True,
        "result": "x" * 998,
        "truncated": "Showing the first 998 of 2500 characters.",
        "execution_time": 0.5,
    }
    assert list(cut) == ["success", "result", "truncated", "execution_time"]


def test_a_text_at_the_limit_is_whole() -> None:
    assert told("x" * 998)["result"] == "x" * 998
    assert "truncated" not in told("x" * 998)
    assert told("x" * 999)["result"] == "x" * 998


def test_what_is_no_text_is_cut_as_json_text() -> None:
    cut = told(list(range(1000)), limit=100)
    assert cut["result"].startswith("[0, 1, 2, ")
    assert cut["truncated"] == f"Showing the first {len(cut['result'])} of 4890 characters."


@given(st.text(alphabet=st.characters(codec=None), max_size=200), st.integers(10, 60))
def test_a_cut_result_is_never_longer_than_the_limit_allows(text: str, limit: int) -> None:
    content = success_content(text, 0.5, limit)
    shown = json.loads(content)["result"]
    assert len(json.dumps(shown, ensure_ascii=False)) <= limit
    assert repair_text(text).startswith(shown) or "\ufffd" in shown
    content.encode()
    assert "\0" not in shown


def test_an_error_is_cut_too() -> None:
    error = json.loads(failure_content("x" * 10_000 + "\0"))["error"]
    assert len(error) == 4001
    assert error.endswith("x…")


async def test_a_result_whose_str_fails_is_a_failure(tell: Callable[..., Any]) -> None:
    class Broken:
        def __str__(self) -> str:
            raise ValueError("no words")

    @tool
    def broken() -> Any:
        """Return what cannot be shown."""
        return Broken()

    assert (await tell(broken))["error"] == "Tool execution failed: no words"


async def test_a_result_nested_beyond_all_measure_is_a_failure(tell: Callable[..., Any]) -> None:
    @tool
    def deep() -> Any:
        """Return a deep list."""
        nested: list[Any] = []
        for _ in range(100_000):
            nested = [nested]
        return nested

    assert (await tell(deep))["error"].startswith("Tool execution failed: ")


async def test_the_limit_holds_for_asynchronous_tools_too(tell: Callable[..., Any]) -> None:
    @tool
    async def long() -> str:
        """Return a long text."""
        return "y" * 5000

    assert (await tell(long, result_limit=1000))["truncated"] == "Showing the first 998 of 5000 characters."


async def test_a_refusal_of_the_tool_is_told_as_it_stands(tell: Callable[..., Any]) -> None:
    @tool
    def refuse() -> None:
        """Refuse."""
        raise ToolError("Ask for größer.")

    assert await tell(refuse) == {"success": False, "error": "Ask for größer."}
