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


def payload_of(result: object, limit: int = 1000) -> Any:
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
    assert payload_of(result) == {"success": True, "result": shown, "execution_time": 0.5}


def test_json_text_is_not_escaped_and_keys_keep_their_order() -> None:
    assert success_content("größer 😀", 0.25, 100) == '{"success": true, "result": "größer 😀", "execution_time": 0.25}'
    assert failure_content("größer") == '{"success": false, "error": "größer"}'


def test_a_reused_result_ends_with_skipped() -> None:
    again = skipped_content(success_content([1], 0.25, 100))
    assert again == '{"success": true, "result": [1], "execution_time": 0.0, "skipped": true}'
    assert skipped_content(failure_content("no")) == '{"success": false, "error": "no", "skipped": true}'


def test_a_long_text_is_truncated_with_a_note() -> None:
    cut = payload_of("x" * 2500, limit=1000)
    assert cut == {
        "success": True,
        "result": "x" * 998,
        "truncated": "Showing the first 998 of 2500 characters.",
        "execution_time": 0.5,
    }
    assert list(cut) == ["success", "result", "truncated", "execution_time"]


def test_a_text_at_the_limit_is_not_truncated() -> None:
    assert payload_of("x" * 998)["result"] == "x" * 998
    assert "truncated" not in payload_of("x" * 998)
    assert payload_of("x" * 999)["result"] == "x" * 998


def test_a_long_result_that_is_not_text_is_truncated_as_json() -> None:
    cut = payload_of(list(range(1000)), limit=100)
    assert cut["result"].startswith("[0, 1, 2, ")
    assert cut["truncated"] == f"Showing the first {len(cut['result'])} of 4890 characters."


@given(st.text(alphabet=st.characters(codec=None), max_size=200), st.integers(10, 60))
def test_a_truncated_result_is_never_longer_than_the_limit_allows(text: str, limit: int) -> None:
    content = success_content(text, 0.5, limit)
    shown = json.loads(content)["result"]
    assert len(json.dumps(shown, ensure_ascii=False)) <= limit
    assert repair_text(text).startswith(shown) or "\ufffd" in shown
    content.encode()
    assert "\0" not in shown


def test_a_long_error_is_truncated() -> None:
    error = json.loads(failure_content("x" * 10_000 + "\0"))["error"]
    assert len(error) == 4001
    assert error.endswith("x…")


async def test_a_result_whose_str_fails_is_a_failure(run_tool: Callable[..., Any]) -> None:
    class Broken:
        def __str__(self) -> str:
            raise ValueError("no words")

    @tool
    def broken() -> Any:
        """Return what cannot be shown."""
        return Broken()

    assert (await run_tool(broken))["error"] == "Tool execution failed: no words"


async def test_a_result_nested_too_deeply_is_a_failure(run_tool: Callable[..., Any]) -> None:
    @tool
    def deep() -> Any:
        """Return a deep list."""
        nested: list[Any] = []
        for _ in range(100_000):
            nested = [nested]
        return nested

    assert (await run_tool(deep))["error"].startswith("Tool execution failed: ")


async def test_the_limit_applies_to_async_tools(run_tool: Callable[..., Any]) -> None:
    @tool
    async def long() -> str:
        """Return a long text."""
        return "y" * 5000

    assert (await run_tool(long, result_limit=1000))["truncated"] == "Showing the first 998 of 5000 characters."


async def test_a_tool_error_is_reported_verbatim(run_tool: Callable[..., Any]) -> None:
    @tool
    def refuse() -> None:
        """Refuse."""
        raise ToolError("Ask for größer.")

    assert await run_tool(refuse) == {"success": False, "error": "Ask for größer."}
