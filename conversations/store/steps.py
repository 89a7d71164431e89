"""Writes steps from checkpoints. The caller has locked their runs."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

from conversations.models import Step
from conversations.runs.checkpoint import Checkpoint, StepWrite

_FIELDS = [f.name for f in Step._meta.concrete_fields if f.name not in ("id", "message", "index")]


def write_steps(checkpoints: Mapping[uuid.UUID, Checkpoint]) -> None:
    """Writes the steps of several messages, by message id. Repeating a write changes nothing."""
    for message_id, checkpoint in checkpoints.items():
        if checkpoint.forgotten_from is not None:
            Step.objects.filter(message_id=message_id, index__gte=checkpoint.forgotten_from).delete()
    writes = [(pk, write) for pk, checkpoint in checkpoints.items() for write in checkpoint.writes.values()]
    if new := [_new_step(message_id, write) for message_id, write in writes if write.new]:
        Step.objects.bulk_create(new, update_conflicts=True, unique_fields=["message", "index"], update_fields=_FIELDS)
    grown = [(message_id, write) for message_id, write in writes if not write.new]
    _append([(message_id, write) for message_id, write in grown if write.parts])
    for message_id, write in grown:
        if write.fields:
            Step.objects.filter(message_id=message_id, index=write.index).update(**write.fields)


def store_html(steps: Sequence[Step]) -> None:
    """Stores the rendered HTML of text steps, which each has in `html`."""
    Step.objects.bulk_update(steps, ["html"])


def _append(grown: Sequence[tuple[uuid.UUID, StepWrite]]) -> None:
    """Appends text to stored steps without reading them. A step whose size is not the write's offset, as when the
    write is repeated, stays as it is.

    Plain SQL, as every growing answer is written each second: building the same query with the ORM takes ten times
    as long.
    """
    rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    message: Any = Step._meta.get_field("message")
    for message_id, write in grown:
        key, text = message.get_db_prep_value(message_id, connection), write.text
        rows[_text_field(write)].append((text, write.offset + len(text), key, write.index, write.offset))
    with connection.cursor() as cursor:
        for field, of_field in rows.items():
            cursor.executemany(_append_to(field), of_field)


def _append_to(field: str) -> str:
    names = Step._meta.db_table, field, "size", "message_id", "index"
    table, text, size, message_id, index = map(connection.ops.quote_name, names)
    return (
        f"UPDATE {table} SET {text} = {text} || %s, {size} = %s "  # noqa: S608
        f"WHERE {message_id} = %s AND {index} = %s AND {size} = %s"
    )


def _text_field(write: StepWrite) -> str:
    return "arguments" if write.type == Step.Type.TOOL_CALL else "content"


def _new_step(message_id: uuid.UUID, write: StepWrite) -> Step:
    text = write.text
    return Step(
        message_id=message_id,
        index=write.index,
        type=write.type,
        size=len(text),
        **{_text_field(write): text},
        **write.fields,
    )
