"""What a model writes that no text can hold becomes U+FFFD; all else comes through as it is."""

from __future__ import annotations

import json

import pytest

from conversations.models import Message
from tests.modelserver import Part, answer, calls, done, finish, raw, thinking, tool_call
from tests.protocol.talk import talk

pytestmark = pytest.mark.django_db(transaction=True)

ODD = "tab\t \x01\x7f\u0085\u2028\ufeff\u202e é 漢字 👩‍👩‍👧 \\u0041 </script> \U0010ffff"


def escaped(written: str, key: str = "content") -> Part:
    """A delta with this text between the quotes of the JSON, as it stands."""
    choice = '{"index":0,"delta":{"%s":"%s"},"finish_reason":null}'
    return raw(f'data: {{"choices":[{choice % (key, written)}]}}\n\n'.encode())


async def test_nul_and_lone_surrogates_are_replaced_and_pairs_are_joined() -> None:
    parts = [
        escaped("a\\u0000b"),
        escaped("\\ud83d"),
        escaped("\\ude00"),
        escaped("\\udc00x"),
        escaped("\\ud800"),
        escaped("y"),
        escaped("\\ud83d"),
    ]
    async with talk([*parts, finish(), done()]) as t:
        sent = await t.ask("Hi")
        whole = "a\ufffdb😀\ufffdx\ufffdy\ufffd"
        assert t.ada.steps(sent["run_id"])[0]["content"] == whole
        assert (await t.messages(sent["conversation_id"]))[-1]["content"]["text"] == whole
        assert (await Message.objects.aget(pk=sent["assistant_message_id"])).text == whole


async def test_thoughts_and_arguments_are_mended_too() -> None:
    broken = (
        '{"id":"c\\u0000","index":0,"function":{"name":"calc\\ud800","arguments":"{\\"a\\": \\"\\udc00\\u0000\\"}"}}'
    )
    call = raw(f'data: {{"choices":[{{"index":0,"delta":{{"tool_calls":[{broken}]}}}}]}}\n\n'.encode())
    async with talk(calls(escaped("\\ud800!", "reasoning_content"), call), answer("Sorry")) as t:
        sent = await t.ask("Hi")
        thought, asked, result, _ = t.ada.steps(sent["run_id"])
        assert thought["content"] == "\ufffd!"
        assert (asked["id_ref"], asked["name"]) == ("c\ufffd", "calc\ufffd")
        assert asked["arguments"] == '{"a": "\ufffd\ufffd"}'
        assert result["success"] is False


async def test_everything_else_comes_through_as_it_is() -> None:
    async with talk([thinking(ODD), *answer(ODD)]) as t:
        sent = await t.ask(ODD)
        assert [s["content"] for s in t.ada.steps(sent["run_id"])] == [ODD, ODD]
        assert [m["content"]["text"] for m in await t.messages(sent["conversation_id"])] == [ODD, ODD]
        assert t.model.requests[0].body["messages"][-1]["content"] == ODD


async def test_a_call_of_monstrous_name_and_id_harms_nobody() -> None:
    monster = tool_call("n" * 1_200_000, json.dumps({"a": 1}), call_id="i" * 1_200_000)
    async with talk(calls(monster), answer("Sorry")) as t:
        sent = await t.ask("Hi")
        assert (await t.ada.ended(sent["run_id"]))["params"]["code"] == "malformed"
        assert t.ada.steps(sent["run_id"]) == []
        await t.ask("Again", conversation_id=sent["conversation_id"])
