from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.arguments import parse_arguments
from tools.registry import tool
from tools.types import ToolContext, ToolError


@dataclass
class Point:
    x: int
    y: int = 0


@tool(read_only=True)
def measure(length: int, unit: str = "m", points: list[Point] = [], json: str | None = None) -> dict[str, Any]:  # noqa: B006
    """Measure.

    Args:
        length: How long.
    """
    return {"length": length, "unit": unit, "points": [point.x for point in points], "json": json}


@tool(read_only=True)
def nothing() -> str:
    """Take nothing."""
    return "nothing"


@pytest.mark.parametrize("arguments", ["", "  \n", "null", "{}", '"{}"', '""'])
async def test_empty_arguments_are_accepted_in_every_form(run_tool: Callable[..., Any], arguments: str) -> None:
    assert (await run_tool(nothing, arguments))["result"] == "nothing"


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        ('{"length": "3"}', {"length": 3}),
        ('{"length": 3.0, "unit": "cm"}', {"length": 3, "unit": "cm"}),
        ('"{\\"length\\": 3}"', {"length": 3}),
        ('{"length": 3, "unit": "a\nb"}', {"length": 3, "unit": "a\nb"}),
        ('{"length": 3, "points": [{"x": 1}, {"x": "2", "y": 5}]}', {"length": 3, "points": [1, 2]}),
        ('{"length": 3, "unit": "\\ud83d\\ude00 \\ud83d"}', {"length": 3, "unit": "😀 \ufffd"}),
        ('{"length": 3, "json": "text"}', {"length": 3, "json": "text"}),
    ],
)
async def test_convertible_arguments_are_accepted(
    run_tool: Callable[..., Any], arguments: str, result: dict[str, Any]
) -> None:
    assert (await run_tool(measure, arguments))["result"] == {"unit": "m", "points": [], "json": None} | result


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ('{"length": 3', "The arguments are not valid JSON: Expecting ',' delimiter at line 1, column 13, near"),
        ("{length: 3}", "at line 1, column 2, near '{length: 3}'"),
        ('{"length": NaN}', "not valid JSON: NaN is not a JSON number"),
        ('{"length": ' + "9" * 5000 + "}", "not valid JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[1]", "The arguments of measure must be a JSON object, not a list."),
        ("3", "must be a JSON object, not a number."),
        ("true", "must be a JSON object, not true or false."),
        ('"\\"text\\""', "must be a JSON object, not a string."),
        ("{}", "Wrong arguments for measure: length is missing (expected integer)."),
        (
            '{"length": "long"}',
            'length: Input should be a valid integer, unable to parse string as an integer, not "long".',
        ),
        ('{"length": 1, "size": 2}', "size is unknown (there are: length, unit, points, json)."),
        ('{"length": 1, "points": [{"y": 1}]}', "points.0.x is missing."),
        ('{"length": 1, "points": [{"x": 1, "z": 1}]}', "points.0.z is unknown."),
        (json.dumps({"length": "x" * 500}), 'not "' + "x" * 59 + "…."),
    ],
)
async def test_an_invalid_argument_is_named(run_tool: Callable[..., Any], arguments: str, complaint: str) -> None:
    payload = await run_tool(measure, arguments)
    assert complaint in payload["error"]
    assert list(payload) == ["success", "error"]
    assert len(payload["error"]) < 500
    assert "pydantic" not in payload["error"]


async def test_all_invalid_arguments_are_named_at_once(run_tool: Callable[..., Any]) -> None:
    payload = await run_tool(measure, '{"unit": 3, "width": 1}')
    assert payload["error"] == (
        "Wrong arguments for measure: length is missing (expected integer); "
        "unit: Input should be a valid string, not 3; width is unknown (there are: length, unit, points, json)."
    )


async def test_only_the_first_of_many_errors_are_named(run_tool: Callable[..., Any]) -> None:
    payload = await run_tool(measure, {"length": 1, **{f"extra{n}": n for n in range(50)}})
    assert "extra9 is unknown" in payload["error"]
    assert "extra10" not in payload["error"]
    assert payload["error"].endswith("; and 40 more.")


async def test_an_argument_for_a_tool_without_parameters_is_refused(run_tool: Callable[..., Any]) -> None:
    assert (await run_tool(nothing, {"a": 1}))[
        "error"
    ] == "Wrong arguments for nothing: a is unknown (there are no arguments)."


async def test_the_model_cannot_supply_the_context(run_tool: Callable[..., Any]) -> None:
    @tool
    def whoami(context: ToolContext) -> str:
        """Say who asks."""
        return f"{context.user.username} {context.call_id}"

    assert (await run_tool(whoami))["result"] == "ada call-0"
    assert "context is unknown" in (await run_tool(whoami, {"context": {}}))["error"]


@given(st.text() | st.recursive(st.none() | st.integers() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_any_argument_text_is_parsed_or_refused(text: str) -> None:
    with suppress(ToolError):
        assert parse_arguments(measure, text).model_dump()["length"] is not None
