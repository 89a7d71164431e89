"""A failure of the model server ends the run with one `error` that contains none of the server's own text."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from conversations.models import Message, Run
from tests.modelserver import Reply, answer, calls, cut, hang, raw, reset, status, text, tool_call
from tests.protocol.talk import run_notifications, talk

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "sk-text-of-the-model-server"
TOO_LONG = {
    "error": {"message": "This model's maximum context length is 4096 tokens", "code": "context_length_exceeded"}
}

FAILURES: list[tuple[str, Reply, str]] = [
    ("429", status(429, {"error": {"message": SECRET}}), "rate_limited"),
    ("500", status(500, SECRET), "unavailable"),
    ("502", status(502, f"<html>{SECRET}</html>"), "unavailable"),
    ("503", status(503, {"error": SECRET}), "unavailable"),
    ("401", status(401, {"error": {"message": f"Incorrect API key: {SECRET}"}}), "rejected_key"),
    ("403", status(403, {"error": {"message": SECRET}}), "rejected_key"),
    ("404", status(404, {"error": {"message": f"model {SECRET} not found"}}), "unknown_model"),
    ("400, context", status(400, TOO_LONG), "context_too_long"),
    ("400", status(400, {"error": {"message": SECRET}}), "refused"),
    ("422", status(422, {"detail": SECRET}), "refused"),
    ("an empty reply", [cut()], "malformed"),
    ("cut off", [text("Hel"), cut()], "malformed"),
    ("reset", [text("Hel"), reset()], "malformed"),
    ("invalid JSON", [raw(b"data: {" + SECRET.encode() + b"\n\n")], "malformed"),
    ("an HTML page", [raw(b"<html>" + SECRET.encode() + b"</html>")], "malformed"),
    (
        "an error in the stream",
        [text("Hel"), raw(b'data: {"error":{"message":"overloaded","code":503}}\n\n')],
        "unavailable",
    ),
]


@pytest.mark.parametrize(("reply", "code"), [pytest.param(r, c, id=name) for name, r, c in FAILURES])
async def test_each_failure_ends_the_run_with_its_error_code(reply: Reply, code: str) -> None:
    async with talk(reply, answer("Now it works")) as t:
        sent = await t.ask("Hi")
        end = await t.ada.ended(sent["run_id"])
        assert (end["method"], end["params"]["code"]) == ("error", code)
        assert SECRET not in json.dumps(t.ada.frames)
        stored = (await t.messages(sent["conversation_id"]))[-1]
        assert stored["status"] == "failed"
        assert stored["content"]["text"] in ("", "Hel")
        assert (await Run.objects.aget()).status == "failed"
        await t.ask("Again", conversation_id=sent["conversation_id"])
        assert (await t.messages(sent["conversation_id"]))[-1]["content"]["text"] == "Now it works"
        assert run_notifications(t.ada, sent["run_id"]).count("error") == 1


async def run_error(*replies: Reply, **settings: Any) -> dict[str, Any]:
    """Asks a question and returns the params of the `error` that ends the run."""
    async with talk(*replies, **settings) as t:
        sent = await t.ask("Hi")
        end = await t.ada.ended(sent["run_id"])
        assert end["method"] == "error"
        params: dict[str, Any] = end["params"]
        return params


async def test_retry_after_is_passed_on() -> None:
    end = await run_error(status(429, {}, {"Retry-After": "7"}))
    assert (end["code"], end["retry_after"]) == ("rate_limited", 7)


async def test_a_model_server_that_refuses_connections_is_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        assert (await run_error(answer(""), LLM_BASE_URL=address))["code"] == "unreachable"


@pytest.mark.parametrize(
    ("reply", "limit"),
    [
        ([hang()], {"LLM_FIRST_TOKEN_TIMEOUT": 0.1}),
        ([text("Hel"), hang()], {"LLM_IDLE_TIMEOUT": 0.1}),
        ([text("Hel"), hang()], {"LLM_TIMEOUT": 0.1}),
    ],
    ids=["first token", "idle", "total"],
)
async def test_a_model_server_that_is_too_slow_is_a_timeout(reply: Reply, limit: dict[str, float]) -> None:
    assert (await run_error(reply, **limit))["code"] == "timeout"


async def test_a_run_that_keeps_calling_tools_ends_at_max_iterations() -> None:
    async with talk(calls(tool_call("calculator", {"expression": "1+1"})), MAX_ITERATIONS=3) as t:
        sent = await t.ask("Hi")
        end = await t.ada.ended(sent["run_id"])
        assert (end["method"], end["params"]["code"]) == ("error", "max_iterations")
        assert [r.body.get("tool_choice") for r in t.model.requests] == [None, None, "none"]
        assert len(t.model.requests) == 3
        stored = (await t.messages(sent["conversation_id"]))[-1]
        assert (stored["status"], len(stored["content"]["tool_calls"])) == ("failed", 3)


async def test_a_failure_after_tool_calls_keeps_their_results() -> None:
    async with talk(calls(tool_call("calculator", {"expression": "6*7"})), status(500), answer("It is 42")) as t:
        sent = await t.ask("Hi")
        assert (await t.ada.ended(sent["run_id"]))["params"]["code"] == "unavailable"
        assert (await Message.objects.aget(pk=sent["assistant_message_id"])).status == "failed"
        await t.ask("Again", conversation_id=sent["conversation_id"])
        history = t.model.requests[2].body["messages"]
        assert [m["role"] for m in history] == ["system", "user", "assistant", "tool", "assistant", "user"]
        assert "42" in history[3]["content"]
