"""Derives a tool's description, JSON Schema and argument validation from a typed Python function.

Every parameter needs a type annotation. The docstring describes what the tool does, and its `Args:` block describes the
parameters:

    def search(query: str, limit: Annotated[int, Field(ge=1, le=50)] = 10) -> list[str]:
        '''Search the notes.

        Args:
            query: Words that all have to occur.
            limit: How many results at most.
        '''

The block is not part of the tool's description; it becomes the descriptions of the parameters.
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
    """A function cannot become a tool. The text says what its author has to change."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The parsed signature and docstring of a function. `parameters` is a JSON Schema of type object."""

    description: str
    arguments: type[BaseModel]
    parameters: dict[str, Any]
    context_parameter: str | None


def parse_signature(function: Callable[..., Any]) -> Signature:
    """Parses a function's signature and docstring.

    Raises ToolDefinitionError for a missing docstring or annotation, and for a type without a JSON Schema.
    """
    description, parameter_descriptions = parse_docstring(inspect.getdoc(function) or "")
    if not description:
        raise ToolDefinitionError("it has no docstring that describes what it does")
    parameters = inspect.signature(function).parameters
    hints = _type_hints(function)
    _check_parameters(parameters, hints)
    if unknown := parameter_descriptions.keys() - parameters.keys():
        raise ToolDefinitionError(f"its docstring describes unknown parameters: {', '.join(sorted(unknown))}")
    contexts = [name for name in parameters if hints[name] is ToolContext]
    if len(contexts) > 1:
        raise ToolDefinitionError(f"more than one parameter takes the ToolContext: {', '.join(contexts)}")
    fields = {
        _field_name(name): (hints[name], _field(parameter, parameter_descriptions.get(name)))
        for name, parameter in parameters.items()
        if name not in contexts
    }
    arguments = _argument_model(function.__name__, fields)
    return Signature(description, arguments, json_schema(arguments), contexts[0] if contexts else None)


def parse_docstring(text: str) -> tuple[str, dict[str, str]]:
    """Returns the text without its `Args:` block, and the descriptions of the parameters in the block."""
    lines = text.splitlines()
    if "Args:" not in (stripped := [line.rstrip() for line in lines]):
        return text.strip(), {}
    start = stripped.index("Args:")
    end = next((n for n in range(start + 1, len(lines)) if lines[n].strip() and not lines[n][0].isspace()), len(lines))
    description = "\n".join(lines[:start]).rstrip() + "\n\n" + "\n".join(lines[end:])
    return description.strip(), _parse_args_block(
        inspect.cleandoc("\n".join(["", *lines[start + 1 : end]])).splitlines()
    )


def _parse_args_block(lines: list[str]) -> dict[str, str]:
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
            raise ToolDefinitionError(f"the Field of its parameter {name!r} belongs in Annotated[..., Field(...)]")


def _field_name(name: str) -> str:
    """Returns a name that does not collide with an attribute of BaseModel (`json`, `copy`, ...)."""
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
    """Returns the model's JSON Schema in a form that most model servers understand.

    It has no titles, references only in recursive types, and no null type for optional parameters.
    """
    schema = model.model_json_schema()
    definitions: dict[str, Any] = schema.pop("$defs", {})
    simplifier = _SchemaSimplifier(definitions)
    parameters = simplifier.simplify(schema, frozenset())
    parameters.setdefault("properties", {})
    if simplifier.found_recursion:
        parameters["$defs"] = {
            name: simplifier.simplify(node, frozenset(definitions)) for name, node in definitions.items()
        }
    return parameters


class _SchemaSimplifier:
    _SCHEMAS_BY_NAME = ("properties", "patternProperties")
    _SCHEMA_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
    _SCHEMAS = ("items", "additionalProperties", "not")
    _OMITTED = ("title", "discriminator")

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self.found_recursion = False

    def simplify(self, schema: dict[str, Any], ancestors: frozenset[str]) -> dict[str, Any]:
        """Simplifies a schema and its subschemas. `ancestors` are the definitions that it is nested in."""
        if "$ref" in schema:
            name = schema["$ref"].removeprefix("#/$defs/")
            if name in ancestors:
                self.found_recursion = True
                return schema
            siblings = {key: value for key, value in schema.items() if key != "$ref"}
            return self.simplify({**self._definitions[name], **siblings}, ancestors | {name})
        return {
            key: self._simplify_value(key, value, ancestors)
            for key, value in _without_null(schema).items()
            if key not in self._OMITTED
        }

    def _simplify_value(self, key: str, value: Any, ancestors: frozenset[str]) -> Any:
        if key in self._SCHEMAS_BY_NAME:
            return {name: self.simplify(node, ancestors) for name, node in value.items()}
        if key in self._SCHEMA_LISTS:
            return [self.simplify(node, ancestors) for node in value]
        if key in self._SCHEMAS and isinstance(value, dict):
            return self.simplify(value, ancestors)
        return value


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Removes the null type, and the default null, of an optional parameter."""
    if "anyOf" not in schema or schema.get("default", ...) is not None:
        return schema
    choices = [choice for choice in schema["anyOf"] if choice != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
    return {**choices[0], **rest} if len(choices) == 1 else {"anyOf": choices, **rest}
