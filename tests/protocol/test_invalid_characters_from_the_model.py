"""Characters from a model that cannot be stored become U+FFFD, and all others are kept."""

from __future__ import annotations

import pytest

from conversations.models import Message
from tests.modelserver import Part, answer, calls, done, finish, raw, thinking
from tests.protocol.talk import talk

pytestmark = pytest.mark.django_db(transaction=True)

ODD = "tab\t \x01\x7f\u0085\u2028\ufeff\u202e é 漢字 👩‍👩‍👧 \\u0041 </script> \U0010ffff"


def escaped(json_text: str, key: str = "content") -> Part:
    """Returns a delta with this text, which is already escaped for JSON."""
    choice = '{"index":0,"delta":{"%s":"%s"},"finish_reason":null}'
    return raw(f'data: {{"choices":[{choice % (key, json_text)}]}}\n\n'.encode())


async def test_nul_and_lone_surrogates_are_replaced_and_split_pairs_are_joined() -> None:
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
        expected = "a\ufffdb😀\ufffdx\ufffdy\ufffd"
        assert t.ada.steps(sent["run_id"])[0]["content"] == expected
        assert (await t.messages(sent["conversation_id"]))[-1]["content"]["text"] == expected
        assert (await Message.objects.aget(pk=sent["assistant_message_id"])).text == expected


async def test_invalid_characters_in_thinking_and_tool_calls_are_replaced() -> None:
    invalid_call = (
        '{"id":"c\\u0000","index":0,"function":{"name":"calc\\ud800","arguments":"{\\"a\\": \\"\\udc00\\u0000\\"}"}}'
    )
    call = raw(f'data: {{"choices":[{{"index":0,"delta":{{"tool_calls":[{invalid_call}]}}}}]}}\n\n'.encode())
    async with talk(calls(escaped("\\ud800!", "reasoning_content"), call), answer("Sorry")) as t:
        sent = await t.ask("Hi")
        thinking_step, call_step, result, _ = t.ada.steps(sent["run_id"])
        assert thinking_step["content"] == "\ufffd!"
        assert (call_step["id_ref"], call_step["name"]) == ("c\ufffd", "calc\ufffd")
        assert call_step["arguments"] == '{"a": "\ufffd\ufffd"}'
        assert result["success"] is False


async def test_all_other_characters_are_unchanged() -> None:
    async with talk([thinking(ODD), *answer(ODD)]) as t:
        sent = await t.ask(ODD)
        assert [s["content"] for s in t.ada.steps(sent["run_id"])] == [ODD, ODD]
        assert [m["content"]["text"] for m in await t.messages(sent["conversation_id"])] == [ODD, ODD]
        assert t.model.requests[0].body["messages"][-1]["content"] == ODD
