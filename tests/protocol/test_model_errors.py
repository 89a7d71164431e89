"""What goes wrong with the model ends the run with one `error`, which says nothing of the upstream's own."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from conversations.models import Message, Run
from tests.modelserver import Reply, answer, calls, cut, hang, raw, reset, status, text, tool_call
from tests.protocol.talk import talk, told_of

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "sk-the-upstreams-own-words"
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
    ("no words at all", [cut()], "malformed"),
    ("broken off", [text("Hel"), cut()], "malformed"),
    ("reset", [text("Hel"), reset()], "malformed"),
    ("no JSON", [raw(b"data: {" + SECRET.encode() + b"\n\n")], "malformed"),
    ("a page", [raw(b"<html>" + SECRET.encode() + b"</html>")], "malformed"),
    (
        "an error in the stream",
        [text("Hel"), raw(b'data: {"error":{"message":"overloaded","code":503}}\n\n')],
        "unavailable",
    ),
]


@pytest.mark.parametrize(("reply", "code"), [pytest.param(r, c, id=name) for name, r, c in FAILURES])
async def test_each_failure_has_its_code(reply: Reply, code: str) -> None:
    async with talk(reply, answer("Now it works")) as t:
        sent = await t.ask("Hi")
        end = await t.ada.ended(sent["run_id"])
        assert (end["method"], end["params"]["code"]) == ("error", code)
        assert SECRET not in json.dumps(t.ada.frames)
        kept = (await t.messages(sent["conversation_id"]))[-1]
        assert kept["status"] == "failed"
        assert kept["content"]["text"] in ("", "Hel")
        assert (await Run.objects.aget()).status == "failed"
        await t.ask("Again", conversation_id=sent["conversation_id"])
        assert (await t.messages(sent["conversation_id"]))[-1]["content"]["text"] == "Now it works"
        assert told_of(t.ada, sent["run_id"]).count("error") == 1


async def end_of(*replies: Reply, **settings: Any) -> dict[str, Any]:
    async with talk(*replies, **settings) as t:
        sent = await t.ask("Hi")
        end = await t.ada.ended(sent["run_id"])
        assert end["method"] == "error"
        params: dict[str, Any] = end["params"]
        return params


async def test_when_to_try_again_is_passed_on() -> None:
    end = await end_of(status(429, {}, {"Retry-After": "7"}))
    assert (end["code"], end["retry_after"]) == ("rate_limited", 7)


async def test_a_server_that_cannot_be_reached() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        assert (await end_of(answer(""), LLM_BASE_URL=address))["code"] == "unreachable"


@pytest.mark.parametrize(
    ("reply", "limit"),
    [
        ([hang()], {"LLM_FIRST_TOKEN_TIMEOUT": 0.1}),
        ([text("Hel"), hang()], {"LLM_IDLE_TIMEOUT": 0.1}),
        ([text("Hel"), hang()], {"LLM_TIMEOUT": 0.1}),
    ],
    ids=["no first word", "silence", "too long in all"],
)
async def test_a_server_that_is_too_slow(reply: Reply, limit: dict[str, float]) -> None:
    assert (await end_of(reply, **limit))["code"] == "timeout"


async def test_a_model_that_calls_tools_for_ever() -> None:
    async with talk(calls(tool_call("calculator", {"expression": "1+1"})), MAX_ITERATIONS=3) as t:
        sent = await t.ask("Hi")
        end = await t.ada.ended(sent["run_id"])
        assert (end["method"], end["params"]["code"]) == ("error", "max_iterations")
        assert [r.body.get("tool_choice") for r in t.model.requests] == [None, None, "none"]
        assert len(t.model.requests) == 3
        kept = (await t.messages(sent["conversation_id"]))[-1]
        assert (kept["status"], len(kept["content"]["tool_calls"])) == ("failed", 3)


async def test_a_failure_after_tools_keeps_their_results() -> None:
    async with talk(calls(tool_call("calculator", {"expression": "6*7"})), status(500), answer("It is 42")) as t:
        sent = await t.ask("Hi")
        assert (await t.ada.ended(sent["run_id"]))["params"]["code"] == "unavailable"
        kept = (await Message.objects.aget(pk=sent["assistant_message_id"])).status
        assert kept == "failed"
        await t.ask("Again", conversation_id=sent["conversation_id"])
        history = t.model.requests[2].body["messages"]
        assert [m["role"] for m in history] == ["system", "user", "assistant", "tool", "assistant", "user"]
        assert "42" in history[3]["content"]
