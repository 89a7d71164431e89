"""`manage.py tools`: lists the tools."""

from __future__ import annotations

import json
import textwrap
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tools.builtin import builtin_registry
from tools.types import Tool


class Command(BaseCommand):
    help = "Lists the tools with their schemas."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="as a JSON list, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        tools = builtin_registry().list_all()
        if options["json"]:
            self.stdout.write(json.dumps([_encode(tool) for tool in tools], ensure_ascii=False, indent=2))
        else:
            self.stdout.write("\n\n".join(_format(tool) for tool in tools))


def _encode(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "category": tool.category,
        "read_only": tool.read_only,
    }


def _format(tool: Tool) -> str:
    parameters = tool.parameters["properties"]
    required = tool.parameters.get("required", ())
    effect = "only reads" if tool.read_only else "writes"
    lines = [
        f"{tool.name}({', '.join(name if name in required else name + '?' for name in parameters)})",
        f"  {tool.category}, {effect}",
        textwrap.indent(tool.description, "  "),
        *(f"    {name}: {_format_schema(schema)}" for name, schema in parameters.items()),
    ]
    return "\n".join(lines)


def _format_schema(schema: dict[str, Any]) -> str:
    rest = {key: value for key, value in schema.items() if key not in ("type", "description")}
    parts = [
        schema.get("type", ""),
        *(f"{key} {json.dumps(value, ensure_ascii=False)}" for key, value in rest.items()),
    ]
    return ", ".join(filter(None, parts)) + (f" - {schema['description']}" if "description" in schema else "")
