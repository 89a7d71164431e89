from __future__ import annotations

import pytest

from tools.builtin import builtin_registry
from tools.registry import ToolRegistry, tool
from tools.schema import ToolDefinitionError
from tools.types import Tool, ToolUser


@tool
def first(number: int) -> int:
    """Take the first."""
    return number


@tool(name="second-one", read_only=True, timeout=3, category="numbers")
def second(number: int) -> int:
    """Take the second."""
    return number


def test_the_bare_decorator_makes_a_writing_tool() -> None:
    assert isinstance(first, Tool)
    assert (first.name, first.read_only, first.repeatable, first.timeout, first.category) == (
        "first",
        False,
        False,
        None,
        "general",
    )
    assert first.function(3) == 3


def test_the_decorator_accepts_options() -> None:
    assert (second.name, second.read_only, second.timeout, second.category) == ("second-one", True, 3, "numbers")


@pytest.mark.parametrize("name", ["", "two words", "ünder", "a" * 65, "a.b"])
def test_a_name_that_model_servers_refuse_is_refused(name: str) -> None:
    def anything() -> None:
        """Do anything."""

    if not name:
        anything.__name__ = ""
    with pytest.raises(ToolDefinitionError, match="1 to 64 letters"):
        tool(name=name)(anything)


def test_a_registry_lists_in_the_order_of_registration() -> None:
    registry = ToolRegistry([second])
    registry.register(first)
    assert registry.list_all() == [second, first]
    assert registry.for_user(ToolUser(1, "ada")) == [second, first]
    assert registry.get("first") is first
    assert registry.get("third") is None


def test_the_list_of_a_registry_is_a_copy() -> None:
    registry = ToolRegistry([first])
    registry.list_all().clear()
    assert registry.list_all() == [first]


def test_a_name_can_be_registered_only_once() -> None:
    registry = ToolRegistry([first])
    with pytest.raises(ValueError, match="already a tool named 'first'"):
        registry.register(first)


def test_builtin_tools_have_stable_names_and_parameters() -> None:
    parameters = {each.name: list(each.parameters["properties"]) for each in builtin_registry().list_all()}
    assert parameters == {
        "calculator": ["expression"],
        "current_time": ["timezone"],
        "list_files": ["path"],
        "read_file": ["path", "offset", "limit"],
        "write_file": ["path", "content"],
    }
    assert [each.name for each in builtin_registry().list_all() if not each.read_only] == ["write_file"]


def keys_and_types(node: object) -> set[str]:
    """Returns every keyword and type used at any depth of the schema."""
    if isinstance(node, list):
        return set().union(*map(keys_and_types, node)) if node else set()
    if not isinstance(node, dict):
        return set()
    inner = (
        node["properties"].values()
        if "properties" in node
        else [v for v in node.values() if isinstance(v, list | dict)]
    )
    return set(node) | set().union(*map(keys_and_types, inner))


@pytest.mark.parametrize("each", builtin_registry().list_all(), ids=lambda each: each.name)
def test_every_builtin_schema_is_a_closed_object_with_described_parameters(each: Tool) -> None:
    assert each.parameters["type"] == "object"
    assert each.parameters["additionalProperties"] is False
    assert set(each.parameters.get("required", ())) <= set(each.parameters["properties"])
    for schema in each.parameters["properties"].values():
        assert schema["description"]
        assert schema["type"] in {"string", "integer"}
    allowed = {"type", "properties", "required", "additionalProperties", "description", "default", "minimum"}
    assert keys_and_types(dict(each.parameters)) <= allowed
    assert each.description
    assert "Args:" not in each.description
