"""Builds the protocol's objects from rows and live runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from conversations.models import Conversation, Message, Project
from conversations.providers.catalog import CatalogEntry
from conversations.queries.branches import BranchMessage, BranchPage
from conversations.queries.step_text import StepText
from conversations.queries.stored_runs import live_step
from conversations.runs.live import LiveRun, LiveStep, answer_text
from tools.types import Tool

PAGE_BYTES = 900_000
"""Bytes that a frame may hold besides its envelope."""
QUESTION_PARTS = (Message.MAX_TEXT_LENGTH, 100_000, 50_000)
"""Characters of a question in a frame; the next smaller number if it does not fit."""
STEP_PARTS = (100_000, 20_000, 4_000, 500, 0)
"""Characters of a step in a page; the next smaller number if a single message is still larger than PAGE_BYTES."""


def timestamp(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _id(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def conversation_summary(conversation: Conversation, run_id: str | None) -> dict[str, Any]:
    """Returns a conversation as in lists, without its system_prompt."""
    return {
        "id": str(conversation.pk),
        "title": conversation.title,
        "model": conversation.model or None,
        "project_id": _id(conversation.project_id),
        "temperature": conversation.temperature,
        "max_tokens": conversation.max_tokens,
        "thinking_enabled": conversation.thinking_enabled,
        "tools": conversation.tools,
        "pinned": conversation.pinned,
        "archived": conversation.archived,
        "leaf_message_id": _id(conversation.leaf_id),
        "created_at": timestamp(conversation.created_at),
        "updated_at": timestamp(conversation.updated_at),
        "run_id": run_id,
    }


def conversation_object(conversation: Conversation, run_id: str | None) -> dict[str, Any]:
    return conversation_summary(conversation, run_id) | {"system_prompt": conversation.system_prompt}


def run_object(run: LiveRun) -> dict[str, Any]:
    identity = run.identity
    return {
        "id": identity.run_id,
        "conversation_id": identity.conversation_id,
        "message_id": identity.message_id,
        "user_message_id": identity.user_message_id,
        "status": run.outcome.status if run.outcome else "running",
        "model": identity.model,
        "started_at": timestamp(identity.started_at),
    }


def project_object(project: Project) -> dict[str, Any]:
    return {
        "id": str(project.pk),
        "name": project.name,
        "instructions": project.instructions,
        "created_at": timestamp(project.created_at),
    }


def model_object(entry: CatalogEntry, *, default: bool) -> dict[str, Any]:
    return {
        "name": entry.name,
        "label": entry.label,
        "provider": entry.provider,
        "default": default,
        "context_window": entry.context_window,
        "tools": entry.tools,
        "vision": entry.vision,
        "thinking": entry.thinking,
    }


def tool_object(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "category": tool.category,
        "read_only": tool.read_only,
        "policy": "allow",
    }


def step_object(step: LiveStep, text: str | None) -> dict[str, Any]:
    """Returns a step without the ids of its run; without content and arguments if `text` is None."""
    shown: dict[str, Any] = {"id": f"step-{step.index}", "index": step.index, "type": step.type}
    match step.type:
        case "thinking":
            shown |= {"content": text, "duration": step.duration}
        case "text":
            shown["content"] = text
        case "tool_call":
            shown |= {"id_ref": step.id_ref, "name": step.name, "arguments": text, "status": step.status}
            shown |= {"progress": step.progress, "approval": None}
        case "tool_result":
            shown |= {"id_ref": step.id_ref, "name": step.name, "content": text, "success": step.success}
            shown |= {"skipped": step.skipped, "execution_time": step.execution_time}
    if text is None:
        shown.pop("content", None)
        shown.pop("arguments", None)
    return shown


def message_object(shown: BranchMessage, live: LiveRun | None, part: int) -> dict[str, Any]:
    """Returns a message with at most `part` characters of each text, and with the steps of its live run, if there is
    one: they are newer than the stored ones."""
    message = shown.message
    if message.role == Message.Role.USER:
        return _question(message, shown.siblings, part)
    is_live = live is not None and live.identity.message_id == str(message.pk)
    steps = live.in_order() if live is not None and is_live else [live_step(step) for step in shown.steps]
    text = answer_text(steps) if is_live else message.text
    return _message(message, shown.siblings, text[:part], steps, part)


def question_object(message: Message, siblings: Sequence[str]) -> dict[str, Any]:
    """Returns a question, cut if it would not fit into a frame."""
    shown = _question(message, siblings, QUESTION_PARTS[0])
    return shown if len(orjson.dumps(shown)) <= PAGE_BYTES else _question(message, siblings, QUESTION_PARTS[1])


def _question(message: Message, siblings: Sequence[str], part: int) -> dict[str, Any]:
    shown = _message(message, siblings, message.text[:part], [], part)
    return shown if len(message.text) <= part else shown | {"truncated": True}


def _message(
    message: Message, siblings: Sequence[str], text: str, steps: Sequence[LiveStep], part: int
) -> dict[str, Any]:
    return {
        "id": str(message.pk),
        "conversation_id": str(message.conversation_id),
        "parent_id": _id(message.parent_id),
        "role": message.role,
        "status": message.status,
        "model": message.model or None,
        "created_at": timestamp(message.created_at),
        "token_count": message.token_count,
        "siblings": list(siblings),
        "rating": message.rating,
        "attachments": [],
        "content": {
            "text": text,
            "tool_calls": _tool_calls(steps, part),
            "steps": [_stored_step(message, step, part) for step in steps],
        },
    }


def _stored_step(message: Message, step: LiveStep, part: int) -> dict[str, Any]:
    shown = {"message_id": str(message.pk), **step_object(step, step.text[:part])}
    if step.size > part:
        shown["truncated"] = True
    return shown


def _tool_calls(steps: Sequence[LiveStep], part: int) -> list[dict[str, Any]]:
    results = {step.id_ref: step for step in steps if step.type == "tool_result"}
    return [_tool_call(step, results.get(step.id_ref), part) for step in steps if step.type == "tool_call"]


def _tool_call(call: LiveStep, result: LiveStep | None, part: int) -> dict[str, Any]:
    return {
        "id": call.id_ref,
        "type": "function",
        "function": {"name": call.name, "arguments": call.text[:part]},
        "result": result.text[:part] if result else None,
        "success": result.success if result else None,
        "skipped": result.skipped if result else False,
        "execution_time": result.execution_time if result else None,
    }


def page_objects(page: BranchPage, live: LiveRun | None, reserved: int) -> tuple[list[dict[str, Any]], str | None]:
    """Returns the newest messages of a page that fit into a frame, oldest first, and the cursor to those before.

    `reserved` is the number of bytes that the rest of the frame takes.
    """
    shown: list[dict[str, Any]] = []
    room = PAGE_BYTES - reserved
    for branch_message in reversed(page.messages):
        parts = QUESTION_PARTS if branch_message.message.role == Message.Role.USER else STEP_PARTS
        for part in parts[:1] if shown else parts:
            message = message_object(branch_message, live, part)
            size = len(orjson.dumps(message))
            if size <= room:
                break
        room -= size
        if room < 0 and shown:
            return shown[::-1], shown[-1]["id"]
        shown.append(message)
    return shown[::-1], page.previous_cursor


def step_text_object(found: StepText, offset: int) -> dict[str, Any]:
    """Returns as much of the text as fits into a frame, and the offset of the rest."""
    text = found.text
    while len(orjson.dumps(text)) > PAGE_BYTES:
        text = text[: len(text) // 2]
    end = offset + len(text)
    return {"text": text, "next_offset": end if end < found.size else None}
