"""The contract that checks every frame of these tests detects violations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.protocol.contract import Contract, Violation

HELLO: dict[str, Any] = {
    "protocol": 1,
    "server": "chatsite 1",
    "user": {"id": "1", "username": "ada"},
    "limits": {"x": 1},
}
RUN: dict[str, Any] = {"conversation_id": "c", "run_id": "r", "message_id": "m"}
STARTED: dict[str, Any] = {**RUN, "user_message_id": "q", "model": "x", "started_at": "2026-01-01T00:00:00.000Z"}
TEXT = {**RUN, "id": "step-0", "index": 0, "type": "text", "content": "Hel"}
TOKEN_COUNTS: dict[str, Any] = {"token_count": 1, "prompt_tokens": 1, "completion_tokens": 1, "suggested_title": None}
DONE = {**RUN, "status": "complete", "finish_reason": "stop", **TOKEN_COUNTS}
DELTA: dict[str, Any] = {"run_id": "r", "id": "step-0", "text": "lo"}
FAILED = {**RUN, "code": "timeout", "content": "LLM request timed out", "retryable": True}


def notification(method: str, params: dict[str, Any]) -> str:
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params}, ensure_ascii=False)


def response(number: Any, result: dict[str, Any]) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": number, "result": result})


@pytest.fixture
def contract() -> Contract:
    """Returns the contract of a connection that has received `hello` and sent a question."""
    contract = Contract()
    contract.received(notification("hello", HELLO))
    contract.sent('{"jsonrpc":"2.0","id":1,"method":"message.send","params":{"text":"x"}}')
    contract.received(
        response(1, {"conversation_id": "c", "message_id": "q", "run_id": "r", "assistant_message_id": "m"})
    )
    return contract


def test_a_valid_run_is_accepted(contract: Contract) -> None:
    for method, params in [("run_started", STARTED), ("process_step", TEXT), ("step_delta", DELTA), ("done", DONE)]:
        contract.received(notification(method, params))


Notifications = list[tuple[str, dict[str, Any]]]
INVALID: dict[str, Notifications] = {
    "a step before its run": [("process_step", TEXT)],
    "a delta before its step": [("run_started", STARTED), ("step_delta", DELTA)],
    "a repeated run_started": [("run_started", STARTED), ("run_started", STARTED)],
    "a repeated done": [("run_started", STARTED), ("done", DONE), ("done", DONE)],
    "a delta after the end": [("run_started", STARTED), ("process_step", TEXT), ("done", DONE), ("step_delta", DELTA)],
    "an empty delta": [("run_started", STARTED), ("process_step", TEXT), ("step_delta", DELTA | {"text": ""})],
    "a step that shrinks": [("run_started", STARTED), ("process_step", TEXT), ("process_step", TEXT | {"content": ""})],
    "a step whose text is null": [("run_started", STARTED), ("process_step", {**TEXT, "content": None})],
    "a first step without its text": [
        ("run_started", STARTED),
        ("process_step", {k: v for k, v in TEXT.items() if k != "content"}),
    ],
    "a skipped index": [("run_started", STARTED), ("process_step", TEXT | {"id": "step-1", "index": 1})],
    "an id that does not match the index": [("run_started", STARTED), ("process_step", TEXT | {"id": "step-7"})],
    "a run without a subscription": [("run_started", STARTED | {"conversation_id": "d", "run_id": "s"})],
    "a time without milliseconds": [("run_started", STARTED | {"started_at": "2026-01-01T00:00:00Z"})],
    "a number for an id": [("run_started", STARTED | {"user_message_id": 5})],
    "an unknown field": [("run_started", STARTED | {"extra": 1})],
    "a missing field": [("run_started", STARTED), ("done", {k: v for k, v in DONE.items() if k != "suggested_title"})],
    "an unknown status": [("run_started", STARTED), ("done", DONE | {"status": "failed"})],
    "token counts that differ": [("run_started", STARTED), ("done", DONE | {"token_count": 7})],
    "an error with another sentence": [("run_started", STARTED), ("error", FAILED | {"content": "Time-out"})],
    "an error with another value of retryable": [("run_started", STARTED), ("error", FAILED | {"retryable": False})],
    "an unknown notification": [("surprise", {})],
    "a second hello": [("hello", HELLO)],
    "a lone surrogate": [("hello", HELLO | {"server": "\ud800"})],
}


@pytest.mark.parametrize("notifications", INVALID.values(), ids=INVALID.keys())
def test_invalid_notifications_are_detected(contract: Contract, notifications: Notifications) -> None:
    for method, params in notifications[:-1]:
        contract.received(notification(method, params))
    with pytest.raises((Violation, UnicodeEncodeError)):
        contract.received(notification(*notifications[-1]))


@pytest.mark.parametrize(
    "frame",
    [
        response(2, {"models": []}),
        response("1", {"models": []}),
        response(1, {}),
        response(1, {"models": [], "more": 1}),
        '{"jsonrpc":"2.0","id":1,"result":{"models":[]},"error":null}',
        '{"id":1,"result":{"models":[]}}',
        '{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}',
        '{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no"}}',
        '{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no","data":{"code":"rate_limited"}}}',
        '{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no","data":{"code":"surprise"}}}',
        '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"\\u00e9"}}',
        '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"' + "x" * 1_000_000 + '"}}',
        "[]",
        "nonsense",
        b"{}",
    ],
)
def test_invalid_responses_are_detected(contract: Contract, frame: str | bytes) -> None:
    contract.sent('{"jsonrpc":"2.0","id":1,"method":"models.list"}')
    with pytest.raises(Violation):
        contract.received(frame)


def test_a_response_without_a_request_is_detected(contract: Contract) -> None:
    contract.sent('{"jsonrpc":"2.0","method":"models.list"}')
    with pytest.raises(Violation):
        contract.received('{"jsonrpc":"2.0","id":null,"result":{"models":[]}}')


def test_run_notifications_after_unsubscribing_are_detected(contract: Contract) -> None:
    contract.received(notification("run_started", STARTED))
    contract.sent('{"jsonrpc":"2.0","id":2,"method":"conversation.unsubscribe","params":{"conversation_id":"c"}}')
    contract.received(response(2, {}))
    with pytest.raises(Violation):
        contract.received(notification("process_step", TEXT))
