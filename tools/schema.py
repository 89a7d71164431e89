"""A typed Python function -> what the model is told of it, and the model that its arguments are checked against.

The convention: every parameter has a type annotation, the docstring says what the tool does, and an `Args:` block in it
says what each parameter means:

    def search(query: str, limit: Annotated[int, Field(ge=1, le=50)] = 10) -> list[str]:
        '''Search the notes.

        Args:
            query: Words that all have to occur.
            limit: How many results at most.
        '''

The block is taken out of the description and becomes the descriptions of the parameters.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo

from tools.types import ToolContext

_ENTRY = re.compile(r"(\w+)(?:\s*\([^)]*\))?:\s*(.*)")


class ToolDefinitionError(TypeError):
    """A function cannot become a tool; the text says what its author has to change."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function's signature and docstring say. `parameters` is a JSON Schema of type object."""

    description: str
    arguments: type[BaseModel]
    parameters: dict[str, Any]
    context_parameter: str | None


def read_signature(function: Callable[..., Any]) -> Signature:
    """Raises ToolDefinitionError for a function without docstring or annotations, or with types that JSON has not."""
    description, explained = read_docstring(inspect.getdoc(function) or "")
    if not description:
        raise ToolDefinitionError("it has no docstring that says what it does")
    parameters = inspect.signature(function).parameters
    hints = _type_hints(function)
    _check_parameters(parameters, hints)
    if unknown := explained.keys() - parameters.keys():
        raise ToolDefinitionError(f"its docstring explains what is no parameter: {', '.join(sorted(unknown))}")
    contexts = [name for name in parameters if hints[name] is ToolContext]
    if len(contexts) > 1:
        raise ToolDefinitionError(f"more than one parameter takes the ToolContext: {', '.join(contexts)}")
    fields = {
        _field_name(name): (hints[name], _field(parameter, explained.get(name)))
        for name, parameter in parameters.items()
        if name not in contexts
    }
    arguments = _argument_model(function.__name__, fields)
    return Signature(description, arguments, json_schema(arguments), contexts[0] if contexts else None)


def read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """The text without its `Args:` block, and what the block says of each parameter."""
    lines = text.splitlines()
    if "Args:" not in (stripped := [line.rstrip() for line in lines]):
        return text.strip(), {}
    start = stripped.index("Args:")
    end = next((n for n in range(start + 1, len(lines)) if lines[n].strip() and not lines[n][0].isspace()), len(lines))
    description = "\n".join(lines[:start]).rstrip() + "\n\n" + "\n".join(lines[end:])
    return description.strip(), _read_entries(inspect.cleandoc("\n".join(["", *lines[start + 1 : end]])).splitlines())


def _read_entries(lines: list[str]) -> dict[str, str]:
    entries: dict[str, str] = {}
    name = ""
    for line in lines:
        if not line[:1].isspace() and (entry := _ENTRY.match(line)):
            name, entries[name] = entry[1], entry[2]
        elif name:
            entries[name] = f"{entries[name]} {line.strip()}"
    return {name: text.strip() for name, text in entries.items()}


def _type_hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise ToolDefinitionError(f"its annotations cannot be read: {error}") from error


def _check_parameters(parameters: Mapping[str, inspect.Parameter], hints: Mapping[str, Any]) -> None:
    nameable = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    for name, parameter in parameters.items():
        if parameter.kind not in nameable or name.startswith("_"):
            raise ToolDefinitionError(f"a model cannot name its parameter {parameter}")
        if name not in hints:
            raise ToolDefinitionError(f"its parameter {name!r} has no type annotation")
        if isinstance(parameter.default, FieldInfo):
            raise ToolDefinitionError(f"the Field of its parameter {name!r} belongs into Annotated[..., Field(...)]")


def _field_name(name: str) -> str:
    """pydantic keeps the names of a BaseModel's own attributes (`json`, `copy`, ...) for itself."""
    return f"{name}_" if hasattr(BaseModel, name) else name


def _field(parameter: inspect.Parameter, description: str | None) -> Any:
    options: dict[str, Any] = {"description": description} if description else {}
    if _field_name(parameter.name) != parameter.name:
        options["alias"] = parameter.name
    return Field(... if parameter.default is inspect.Parameter.empty else parameter.default, **options)


def _argument_model(name: str, fields: dict[str, Any]) -> type[BaseModel]:
    config = ConfigDict(extra="forbid", protected_namespaces=())
    try:
        model: type[BaseModel] = create_model(name, __config__=config, **fields)
        model.model_json_schema()
    except PydanticUserError as error:
        raise ToolDefinitionError(f"its annotations have no JSON Schema: {error.message}") from error
    return model


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The model's JSON Schema as the widest range of model servers reads it: no titles, nothing referred to that can be
    written in place, and an optional parameter without the null that stands for leaving it out."""
    schema = model.model_json_schema()
    definitions: dict[str, Any] = schema.pop("$defs", {})
    simplified = _Simplifier(definitions)
    parameters = simplified.node(schema, frozenset())
    parameters.setdefault("properties", {})
    if simplified.recursive:
        parameters["$defs"] = {
            name: simplified.node(node, frozenset(definitions)) for name, node in definitions.items()
        }
    return parameters


class _Simplifier:
    _MAPS = ("properties", "patternProperties")
    _LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
    _SINGLE = ("items", "additionalProperties", "not")
    _NOISE = ("title", "discriminator")

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self.recursive = False

    def node(self, schema: dict[str, Any], within: frozenset[str]) -> dict[str, Any]:
        if "$ref" in schema:
            return self._referred(schema, within)
        return {
            key: self._value(key, value, within)
            for key, value in _without_null(schema).items()
            if key not in self._NOISE
        }

    def _referred(self, schema: dict[str, Any], within: frozenset[str]) -> dict[str, Any]:
        name = schema["$ref"].removeprefix("#/$defs/")
        if name in within:
            self.recursive = True
            return schema
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return self.node({**self._definitions[name], **beside}, within | {name})

    def _value(self, key: str, value: Any, within: frozenset[str]) -> Any:
        if key in self._MAPS:
            return {name: self.node(node, within) for name, node in value.items()}
        if key in self._LISTS:
            return [self.node(node, within) for node in value]
        if key in self._SINGLE and isinstance(value, dict):
            return self.node(value, within)
        return value


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" not in schema or schema.get("default", ...) is not None:
        return schema
    choices = [choice for choice in schema["anyOf"] if choice != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return {**choices[0], **rest} if len(choices) == 1 else {"anyOf": choices, **rest}
