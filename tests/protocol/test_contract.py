"""The contract that holds for every frame in these tests is one that can be broken."""

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
FIGURES: dict[str, Any] = {"token_count": 1, "prompt_tokens": 1, "completion_tokens": 1, "suggested_title": None}
DONE = {**RUN, "status": "complete", "finish_reason": "stop", **FIGURES}
DELTA: dict[str, Any] = {"run_id": "r", "id": "step-0", "text": "lo"}
FAILED = {**RUN, "code": "timeout", "content": "LLM request timed out", "retryable": True}


def notification(method: str, params: dict[str, Any]) -> str:
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params}, ensure_ascii=False)


def answered(number: Any, result: dict[str, Any]) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": number, "result": result})


@pytest.fixture
def contract() -> Contract:
    """One that has seen a hello, and a question asked."""
    made = Contract()
    made.received(notification("hello", HELLO))
    made.sent('{"jsonrpc":"2.0","id":1,"method":"message.send","params":{"text":"x"}}')
    made.received(answered(1, {"conversation_id": "c", "message_id": "q", "run_id": "r", "assistant_message_id": "m"}))
    return made


def test_a_run_as_it_should_be(contract: Contract) -> None:
    for method, params in [("run_started", STARTED), ("process_step", TEXT), ("step_delta", DELTA), ("done", DONE)]:
        contract.received(notification(method, params))


Story = list[tuple[str, dict[str, Any]]]
WRONG: dict[str, Story] = {
    "a step before its run": [("process_step", TEXT)],
    "a delta before its step": [("run_started", STARTED), ("step_delta", DELTA)],
    "a run twice": [("run_started", STARTED), ("run_started", STARTED)],
    "an end twice": [("run_started", STARTED), ("done", DONE), ("done", DONE)],
    "words after the end": [("run_started", STARTED), ("process_step", TEXT), ("done", DONE), ("step_delta", DELTA)],
    "an empty delta": [("run_started", STARTED), ("process_step", TEXT), ("step_delta", DELTA | {"text": ""})],
    "a step that shrinks": [("run_started", STARTED), ("process_step", TEXT), ("process_step", TEXT | {"content": ""})],
    "a first step that says nothing": [("run_started", STARTED), ("process_step", {**TEXT, "content": None})],
    "an index left out": [("run_started", STARTED), ("process_step", TEXT | {"id": "step-1", "index": 1})],
    "an id of another step": [("run_started", STARTED), ("process_step", TEXT | {"id": "step-7"})],
    "a run of nobody's interest": [("run_started", STARTED | {"conversation_id": "d", "run_id": "s"})],
    "a time without milliseconds": [("run_started", STARTED | {"started_at": "2026-01-01T00:00:00Z"})],
    "a number for an id": [("run_started", STARTED | {"user_message_id": 5})],
    "an unknown field": [("run_started", STARTED | {"extra": 1})],
    "a missing field": [("run_started", STARTED), ("done", {k: v for k, v in DONE.items() if k != "suggested_title"})],
    "an unknown status": [("run_started", STARTED), ("done", DONE | {"status": "failed"})],
    "sums that differ": [("run_started", STARTED), ("done", DONE | {"token_count": 7})],
    "a sentence of its own": [("run_started", STARTED), ("error", FAILED | {"content": "Time-out"})],
    "retryable against the table": [("run_started", STARTED), ("error", FAILED | {"retryable": False})],
    "an unknown notification": [("surprise", {})],
    "a second hello": [("hello", HELLO)],
    "a lone surrogate": [("hello", HELLO | {"server": "\ud800"})],
}


@pytest.mark.parametrize("story", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_story_is_noticed(contract: Contract, story: Story) -> None:
    for method, params in story[:-1]:
        contract.received(notification(method, params))
    with pytest.raises((Violation, UnicodeEncodeError)):
        contract.received(notification(*story[-1]))


@pytest.mark.parametrize(
    "frame",
    [
        answered(2, {"models": []}),
        answered("1", {"models": []}),
        answered(1, {}),
        answered(1, {"models": [], "more": 1}),
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
def test_a_wrong_answer_is_noticed(contract: Contract, frame: str | bytes) -> None:
    contract.sent('{"jsonrpc":"2.0","id":1,"method":"models.list"}')
    with pytest.raises(Violation):
        contract.received(frame)


def test_an_answer_that_nobody_asked_for_is_noticed(contract: Contract) -> None:
    contract.sent('{"jsonrpc":"2.0","method":"models.list"}')
    with pytest.raises(Violation):
        contract.received('{"jsonrpc":"2.0","id":null,"result":{"models":[]}}')


def test_news_after_unsubscribing_is_noticed(contract: Contract) -> None:
    contract.received(notification("run_started", STARTED))
    contract.sent('{"jsonrpc":"2.0","id":2,"method":"conversation.unsubscribe","params":{"conversation_id":"c"}}')
    contract.received(answered(2, {}))
    with pytest.raises(Violation):
        contract.received(notification("process_step", TEXT))
