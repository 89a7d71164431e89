"""Turns functions into tools, and registers tools by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, overload

from tools.schema import ToolDefinitionError, parse_signature
from tools.types import Tool, ToolUser

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...


@overload
def tool(
    *,
    name: str | None = None,
    read_only: bool = False,
    repeatable: bool = False,
    idempotent: bool = False,
    timeout: float | None = None,
    category: str = "general",
) -> Callable[[Callable[..., Any]], Tool]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    read_only: bool = False,
    repeatable: bool = False,
    idempotent: bool = False,
    timeout: float | None = None,
    category: str = "general",
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Turns a typed function with a docstring into a Tool. Used with or without options, which types.Tool describes.

    tools/schema.py describes how the signature and the docstring are parsed. The function remains available as
    `.function`. Raises ToolDefinitionError if the function lacks something that the model needs to know.
    """

    def decorate(function: Callable[..., Any]) -> Tool:
        tool_name = name or function.__name__
        try:
            if not _NAME.fullmatch(tool_name):
                raise ToolDefinitionError("a name is 1 to 64 letters, digits, underscores and hyphens")
            signature = parse_signature(function)
        except ToolDefinitionError as error:
            raise ToolDefinitionError(f"{tool_name!r} cannot become a tool: {error}") from error
        return Tool(
            name=tool_name,
            description=signature.description,
            parameters=signature.parameters,
            arguments=signature.arguments,
            function=function,
            read_only=read_only,
            repeatable=repeatable,
            idempotent=idempotent,
            timeout=timeout,
            category=category,
            context_parameter=signature.context_parameter,
        )

    return decorate if function is None else decorate(function)


class ToolRegistry:
    """Tools by name, in the order of their registration."""

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            self.register(tool)

    def register(self, tool: Tool) -> None:
        """Raises ValueError if the name is taken."""
        if tool.name in self._tools:
            raise ValueError(f"There is already a tool named {tool.name!r}")
        self._tools[tool.name] = tool

    def list_all(self) -> list[Tool]:
        return list(self._tools.values())

    def get(self, name: str) -> Tool | None:
        return self._tools.get(name)

    def for_user(self, user: ToolUser) -> list[Tool]:
        """Returns the tools that the conversations of this user may use."""
        return self.list_all()
