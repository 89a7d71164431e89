from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from tools.registry import tool
from tools.schema import ToolDefinitionError
from tools.types import ToolContext


@dataclass
class Point:
    x: float
    y: float = 0.0


class Filter(BaseModel):
    field: str
    title: str = ""


class Branch(BaseModel):
    name: str
    under: list[Branch] = []


def schema(function: Callable[..., Any]) -> dict[str, Any]:
    return dict(tool(function).parameters)


def test_types_defaults_and_descriptions_become_the_schema() -> None:
    def search(query: str, limit: Annotated[int, Field(ge=1, le=50)] = 10, exact: bool = False) -> str:
        """Search the notes.

        Both titles and texts are searched.

        Args:
            query: Words that all
                have to occur.
            limit (int): How many at most.

        Returns:
            The titles.
        """
        return query

    made = tool(search)
    assert made.name == "search"
    assert made.description == "Search the notes.\n\nBoth titles and texts are searched.\n\nReturns:\n    The titles."
    assert made.parameters == {
        "type": "object",
        "additionalProperties": False,
        "required": ["query"],
        "properties": {
            "query": {"type": "string", "description": "Words that all have to occur."},
            "limit": {
                "type": "integer",
                "minimum": 1,
                "maximum": 50,
                "default": 10,
                "description": "How many at most.",
            },
            "exact": {"type": "boolean", "default": False},
        },
    }


def test_a_parameter_can_be_described_in_its_annotation() -> None:
    def greet(name: Annotated[str, Field(description="Whom.")]) -> str:
        """Greet."""
        return name

    assert schema(greet)["properties"] == {"name": {"type": "string", "description": "Whom."}}


def test_a_tool_without_parameters_has_an_empty_object_schema() -> None:
    def ping() -> str:
        """Ping."""
        return "pong"

    assert schema(ping) == {"type": "object", "properties": {}, "additionalProperties": False}


def test_literals_lists_and_optional_parameters_become_the_schema() -> None:
    def draw(
        color: Literal["red", "green"],
        tags: list[str],
        size: int | None = None,
        of: int | str | None = None,
    ) -> str:
        """Draw."""
        return color

    assert schema(draw)["properties"] == {
        "color": {"type": "string", "enum": ["red", "green"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "size": {"type": "integer"},
        "of": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    }


def test_a_required_nullable_parameter_keeps_null() -> None:
    def move(to: int | None) -> str:
        """Move."""
        return str(to)

    assert schema(move)["properties"]["to"] == {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    assert schema(move)["required"] == ["to"]


def test_nested_types_are_inlined() -> None:
    def plot(start: Point, filters: list[Filter]) -> str:
        """Plot.

        Args:
            start: Where to begin.
        """
        return ""

    assert schema(plot)["properties"] == {
        "start": {
            "type": "object",
            "description": "Where to begin.",
            "properties": {"x": {"type": "number"}, "y": {"type": "number", "default": 0.0}},
            "required": ["x"],
            "additionalProperties": False,
        },
        "filters": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "title": {"type": "string", "default": ""}},
                "required": ["field"],
            },
        },
    }
    assert "$defs" not in schema(plot)


def test_a_recursive_type_stays_a_reference() -> None:
    def grow(root: Branch) -> str:
        """Grow."""
        return ""

    grown = schema(grow)
    assert grown["properties"]["root"]["properties"]["under"]["items"] == {"$ref": "#/$defs/Branch"}
    assert grown["$defs"]["Branch"]["properties"]["under"]["items"] == {"$ref": "#/$defs/Branch"}


def test_a_parameter_can_have_a_name_that_pydantic_reserves() -> None:
    def store(json: str, copy: int, model_config: str, title: str = "") -> str:
        """Store.

        Args:
            json: The text.
        """
        return json

    assert list(schema(store)["properties"]) == ["json", "copy", "model_config", "title"]
    assert schema(store)["properties"]["json"] == {"type": "string", "description": "The text."}


def test_the_context_parameter_is_not_in_the_schema() -> None:
    def whoami(context: ToolContext, loud: bool = False) -> str:
        """Say who asks."""
        return context.user.username

    made = tool(whoami)
    assert made.context_parameter == "context"
    assert list(made.parameters["properties"]) == ["loud"]


def no_docstring(path: str) -> str:
    return path


def only_arguments(path: str) -> str:
    """
    Args:
        path: A path.
    """
    return path


def no_annotation(path) -> str:  # type: ignore[no-untyped-def]
    """Read."""
    return str(path)


def unknown_annotation(path: Missing) -> str:  # type: ignore[name-defined]  # noqa: F821
    """Read."""
    return str(path)


def any_number(*paths: str) -> str:
    """Read."""
    return ""


def any_name(**paths: str) -> str:
    """Read."""
    return ""


def by_position(path: str, /) -> str:
    """Read."""
    return path


def private(_path: str) -> str:
    """Read."""
    return _path


def explains_too_much(path: str) -> str:
    """Read.

    Args:
        path: A path.
        limit: Not there.
    """
    return path


def not_json(callback: Callable[[], None]) -> str:
    """Read."""
    return ""


def field_as_default(limit: int = Field(3)) -> str:
    """Read."""
    return ""


def two_contexts(one: ToolContext, two: ToolContext) -> str:
    """Read."""
    return ""


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        (no_docstring, "'no_docstring' cannot become a tool: it has no docstring"),
        (only_arguments, "no docstring"),
        (no_annotation, "parameter 'path' has no type annotation"),
        (unknown_annotation, "annotations cannot be read: name 'Missing'"),
        (any_number, r"cannot name its parameter \*paths"),
        (any_name, r"cannot name its parameter \*\*paths"),
        (by_position, "cannot name its parameter path"),
        (private, "cannot name its parameter _path"),
        (explains_too_much, "describes unknown parameters: limit"),
        (not_json, "no JSON Schema"),
        (field_as_default, "Field of its parameter 'limit' belongs in Annotated"),
        (two_contexts, "more than one parameter takes the ToolContext: one, two"),
    ],
)
def test_an_unsuitable_function_is_refused_with_the_reason(function: Callable[..., Any], complaint: str) -> None:
    with pytest.raises(ToolDefinitionError, match=complaint):
        tool(function)
