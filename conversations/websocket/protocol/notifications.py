"""Encodes the notifications."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from accounts.models import User
from conversations.models import Conversation, Message
from conversations.runs.live import (
    Change,
    Cursor,
    LiveRun,
    LiveStep,
    RunEnded,
    RunIdentity,
    RunShown,
    StepAppended,
    StepsForgotten,
    StepShown,
    StepUpdated,
)
from conversations.websocket.protocol.frames import notification
from conversations.websocket.protocol.objects import conversation_object, question_object, step_object, timestamp


def hello(*, server: str, user: User, limits: dict[str, Any]) -> str:
    person = {"id": str(user.pk), "username": user.get_username()}
    return notification("hello", {"protocol": 1, "server": server, "user": person, "limits": limits})


def conversation_changed(conversation: Conversation, run_id: str | None) -> str:
    return notification("conversation_changed", {"conversation": conversation_object(conversation, run_id)})


def conversation_deleted(conversation_id: str) -> str:
    return notification("conversation_deleted", {"conversation_id": conversation_id})


def message_added(message: Message, siblings: Sequence[str]) -> str:
    return notification("message_added", {"message": question_object(message, siblings)})


def run_frames(cursor: Cursor) -> Iterator[str]:
    """Yields a frame for each change that is new to the cursor. The caller may stop at any frame."""
    for change in cursor.changes():
        yield _frame(cursor.run, change)


def _frame(run: LiveRun, change: Change) -> str:
    identity = run.identity
    match change:
        case StepAppended():
            return _delta(identity, change)
        case StepShown():
            return notification("process_step", _step(identity, change.step, change.text))
        case StepUpdated():
            return notification("process_step", _step(identity, change.step, None))
        case StepsForgotten():
            return notification("steps_reset", {"run_id": identity.run_id, "index": change.index})
        case RunShown():
            return notification("run_started", _run_started(identity))
        case RunEnded():
            return _ended(identity, change)


def _delta(identity: RunIdentity, change: StepAppended) -> str:
    """Builds the by far most frequent frame by hand."""
    text = orjson.dumps(change.text).decode()
    return (
        '{"jsonrpc":"2.0","method":"step_delta","params":{"run_id":"'
        f'{identity.run_id}","id":"step-{change.step.index}","text":{text}}}}}'
    )


def _step(identity: RunIdentity, step: LiveStep, text: str | None) -> dict[str, Any]:
    return {
        "conversation_id": identity.conversation_id,
        "run_id": identity.run_id,
        "message_id": identity.message_id,
        **step_object(step, text),
    }


def _run_started(identity: RunIdentity) -> dict[str, Any]:
    return {
        "conversation_id": identity.conversation_id,
        "run_id": identity.run_id,
        "message_id": identity.message_id,
        "user_message_id": identity.user_message_id,
        "model": identity.model,
        "started_at": timestamp(identity.started_at),
    }


def _ended(identity: RunIdentity, change: RunEnded) -> str:
    outcome = change.outcome
    ids: dict[str, Any] = {
        "conversation_id": identity.conversation_id,
        "run_id": identity.run_id,
        "message_id": identity.message_id,
    }
    if outcome.status == "failed":
        failure = {"code": outcome.error_code, "content": outcome.error_content, "retryable": outcome.retryable}
        retry_after = {} if outcome.retry_after is None else {"retry_after": outcome.retry_after}
        return notification("error", ids | failure | retry_after)
    summary = {
        "status": outcome.status,
        "finish_reason": outcome.finish_reason,
        "token_count": outcome.completion_tokens,
        "prompt_tokens": outcome.prompt_tokens,
        "completion_tokens": outcome.completion_tokens,
        "suggested_title": outcome.suggested_title,
    }
    return notification("done", ids | summary)
