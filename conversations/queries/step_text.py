"""The text of a step in parts."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Literal

from django.db.models import F
from django.db.models.functions import Substr

from conversations.models import Step
from conversations.runs.live import LiveRun


@dataclass(frozen=True, slots=True)
class StepText:
    """A part of a step's text, from the requested offset. `size` is the number of characters of the whole text."""

    field: Literal["content", "arguments"]
    text: str
    size: int


def load_step_text(message_id: uuid.UUID, index: int, offset: int, limit: int) -> StepText | None:
    """Returns up to `limit` characters of a stored step, or None if it does not exist. Loads no more than these."""
    step = (
        Step.objects.filter(message_id=message_id, index=index)
        .annotate(
            part=Substr(F("content"), offset + 1, limit), arguments_part=Substr(F("arguments"), offset + 1, limit)
        )
        .values_list("type", "size", "part", "arguments_part")
        .first()
    )
    if step is None:
        return None
    kind, size, content, arguments = step
    return StepText("arguments", arguments, size) if kind == Step.Type.TOOL_CALL else StepText("content", content, size)


def live_step_text(run: LiveRun, index: int, offset: int, limit: int) -> StepText | None:
    """Returns up to `limit` characters of a live run's step, or None if it does not exist."""
    step = run.steps.get(index)
    if step is None:
        return None
    text = step.text[offset : offset + limit]
    return StepText("arguments" if step.type == "tool_call" else "content", text, step.size)
