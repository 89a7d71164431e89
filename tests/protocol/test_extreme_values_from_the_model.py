"""What a model's server says fits into every database, however long, large or odd it is."""

from __future__ import annotations

import json

import pytest

from conversations.models import Message, Run, Step, TokenUsage
from tests.modelserver import answer, calls, done, finish, status, text, tool_call, usage
from tests.protocol.talk import talk

pytestmark = pytest.mark.django_db(transaction=True)


async def test_long_names_and_ids_of_calls() -> None:
    long = tool_call("n" * 200, json.dumps({}), call_id="i" * 10_000)
    async with talk(calls(long), answer("Sorry")) as t:
        sent = await t.ask("Hi")
        assert (await t.ada.ended(sent["run_id"]))["params"]["status"] == "complete"
        call = await Step.objects.aget(type="tool_call")
        assert call.name == "n" * 200
        assert call.id_ref.startswith("i" * 100), "shortened, as no server needs more to tell calls apart"


@pytest.mark.parametrize("tokens", [2**31, 2**63, 10**30, -1])
async def test_figures_of_usage_that_cannot_be(tokens: int) -> None:
    async with talk([text("Hello"), finish(), usage(tokens, tokens, reasoning=tokens, cached=tokens), done()]) as t:
        sent = await t.ask("Hi")
        assert (await t.ada.ended(sent["run_id"]))["params"]["status"] == "complete"
        assert (await Message.objects.aget(role="assistant")).text == "Hello"
        assert await TokenUsage.objects.acount() == 1


async def test_an_error_with_nul_and_half_a_character() -> None:
    async with talk(status(400, b'{"error": {"message": "No\\u0000 \\ud83d way"}}')) as t:
        sent = await t.ask("Hi")
        assert (await t.ada.ended(sent["run_id"]))["params"]["code"] == "refused"
        assert (await Run.objects.aget()).status == "failed"


async def test_a_reason_to_stop_that_nobody_knows() -> None:
    async with talk([text("Hello"), finish("r" * 1000), done()]) as t:
        sent = await t.ask("Hi")
        assert (await t.ada.ended(sent["run_id"]))["params"]["finish_reason"] == "stop"
