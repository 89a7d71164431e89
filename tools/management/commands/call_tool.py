"""`manage.py call_tool`: runs one tool from the command line."""

from __future__ import annotations

import asyncio
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from tools.builtin import builtin_registry
from tools.executor import ToolExecutor
from tools.types import ToolCall, ToolContext, ToolResult, ToolUser
from tools.workspace import workspace_path


class Command(BaseCommand):
    help = "Runs one tool, without approval, and prints its result as JSON. The exit status is 1 if it failed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the tool; `manage.py tools` lists them")
        parser.add_argument("arguments", metavar="JSON", help='its arguments, as in \'{"expression": "6 * 7"}\'')
        parser.add_argument("--user", help="the username for whom it runs (default: the first superuser)")
        parser.add_argument("--project", help="the id of the project whose files it works on (default: the user's own)")

    def handle(self, *args: Any, **options: Any) -> None:
        context = _context(_find_user(options["user"]), options["project"])
        call = ToolCall("call_tool", options["name"], options["arguments"])
        result = asyncio.run(_execute(call, context))
        self.stdout.write(result.content)
        if not result.success:
            sys.exit(1)


async def _execute(call: ToolCall, context: ToolContext) -> ToolResult:
    executor = ToolExecutor(
        builtin_registry(), context, timeout=settings.TOOL_TIMEOUT, result_limit=settings.TOOL_RESULT_LIMIT
    )
    return await executor.execute(call)


def _find_user(username: str | None) -> ToolUser:
    users = get_user_model().objects
    if username is None:
        superuser = users.filter(is_superuser=True).order_by("pk").first()
        return ToolUser(superuser.pk, superuser.get_username()) if superuser else ToolUser(0, "")
    user = users.filter(username=username).first()
    if user is None:
        raise CommandError(f"There is no user {username!r}.")
    return ToolUser(user.pk, user.get_username())


def _context(user: ToolUser, project_id: str | None) -> ToolContext:
    root = settings.VAR_DIR / "workspaces"
    try:
        workspace = workspace_path(root, project_id=project_id, conversation_id=None, user_id=user.id)
    except ValueError:
        raise CommandError(f"{project_id!r} is not the id of a project.") from None
    return ToolContext(user=user, workspace=workspace, project_id=project_id)
