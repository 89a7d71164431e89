"""Very long, very large and unknown values from a model server fit in every database or are refused as malformed."""

from __future__ import annotations

import json

import pytest

from conversations.models import Message, Run, Step, TokenUsage
from tests.modelserver import answer, calls, done, finish, status, text, tool_call, usage
from tests.protocol.talk import talk

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_tool_call_with_a_long_name_and_id_is_stored() -> None:
    long_call = tool_call("n" * 200, json.dumps({}), call_id="i" * 10_000)
    async with talk(calls(long_call), answer("Sorry")) as t:
        sent = await t.ask("Hi")
        assert (await t.ada.ended(sent["run_id"]))["params"]["status"] == "complete"
        call = await Step.objects.aget(type="tool_call")
        assert call.name == "n" * 200
        assert call.id_ref.startswith("i" * 100)


async def test_a_tool_call_with_a_huge_name_and_id_is_malformed() -> None:
    huge_call = tool_call("n" * 1_200_000, json.dumps({"a": 1}), call_id="i" * 1_200_000)
    async with talk(calls(huge_call), answer("Sorry")) as t:
        sent = await t.ask("Hi")
        assert (await t.ada.ended(sent["run_id"]))["params"]["code"] == "malformed"
        assert t.ada.steps(sent["run_id"]) == []
        await t.ask("Again", conversation_id=sent["conversation_id"])


@pytest.mark.parametrize("tokens", [2**31, 2**63, 10**30, -1])
async def test_impossible_token_counts_do_not_fail_the_run(tokens: int) -> None:
    async with talk([text("Hello"), finish(), usage(tokens, tokens, reasoning=tokens, cached=tokens), done()]) as t:
        sent = await t.ask("Hi")
        assert (await t.ada.ended(sent["run_id"]))["params"]["status"] == "complete"
        assert (await Message.objects.aget(role="assistant")).text == "Hello"
        assert await TokenUsage.objects.acount() == 1


async def test_an_error_message_with_nul_and_a_lone_surrogate_is_stored() -> None:
    async with talk(status(400, b'{"error": {"message": "No\\u0000 \\ud83d way"}}')) as t:
        sent = await t.ask("Hi")
        assert (await t.ada.ended(sent["run_id"]))["params"]["code"] == "refused"
        assert (await Run.objects.aget()).status == "failed"


async def test_an_unknown_finish_reason_counts_as_stop() -> None:
    async with talk([text("Hello"), finish("r" * 1000), done()]) as t:
        sent = await t.ask("Hi")
        assert (await t.ada.ended(sent["run_id"]))["params"]["finish_reason"] == "stop"
