"""Whatever a client sends gets the error that JSON-RPC and the protocol name, and the connection goes on."""

from __future__ import annotations

import json

import pytest

from tests.modelserver import answer
from tests.protocol.talk import talk

pytestmark = pytest.mark.django_db(transaction=True)

NOT_JSON, NO_REQUEST, NO_METHOD, WRONG_PARAMS = -32700, -32600, -32601, -32602

UNREADABLE: list[tuple[str | bytes, int]] = [
    ("", NOT_JSON),
    ("hello", NOT_JSON),
    ("{", NOT_JSON),
    ('{"jsonrpc":"2.0","id":1,"method":"models.list"', NOT_JSON),
    ('{"jsonrpc":"2.0","id":NaN,"method":"models.list"}', NOT_JSON),
    ('{"jsonrpc":"2.0","id":1,"method":"models.list"}{}', NOT_JSON),
    ("\ufeff{}", NOT_JSON),
    ("[" * 400_000, NOT_JSON),
    ("[" * 200_000 + "]" * 200_000, NOT_JSON),
    ('{"a":' * 100_000 + "1" + "}" * 100_000, NOT_JSON),
    ("null", NO_REQUEST),
    ("1", NO_REQUEST),
    ('"models.list"', NO_REQUEST),
    ("[]", NO_REQUEST),
    ('[{"jsonrpc":"2.0","id":1,"method":"models.list"}]', NO_REQUEST),
    ("{}", NO_REQUEST),
    ('{"id":1,"method":"models.list"}', NO_REQUEST),
    ('{"jsonrpc":"1.0","id":"x","method":"models.list"}', NO_REQUEST),
    ('{"jsonrpc":2.0,"id":1,"method":"models.list"}', NO_REQUEST),
    ('{"jsonrpc":"2.0","id":1}', NO_REQUEST),
    ('{"jsonrpc":"2.0","id":1,"method":null}', NO_REQUEST),
    ('{"jsonrpc":"2.0","id":1,"method":["models.list"]}', NO_REQUEST),
    ('{"jsonrpc":"2.0","id":1,"result":{}}', NO_REQUEST),
    ('{"jsonrpc":"2.0","id":true,"method":"models.list"}', NO_REQUEST),
    ('{"jsonrpc":"2.0","id":{},"method":"models.list"}', NO_REQUEST),
    ('{"jsonrpc":"2.0","id":[1],"method":"models.list"}', NO_REQUEST),
    ('{"jsonrpc":"2.0","id":1e400,"method":"models.list"}', NO_REQUEST),
    ('{"jsonrpc":"2.0","id":1,"method":""}', NO_METHOD),
    ('{"jsonrpc":"2.0","id":1,"method":"__init__"}', NO_METHOD),
    ('{"jsonrpc":"2.0","id":1,"method":"Models.List","params":[]}', NO_METHOD),
    (json.dumps({"jsonrpc": "2.0", "id": 1, "method": "é" * 100_000}, ensure_ascii=False), NO_METHOD),
    ('{"jsonrpc":"2.0","id":1,"method":"models.list","params":[]}', WRONG_PARAMS),
    ('{"jsonrpc":"2.0","id":1,"method":"models.list","params":null}', WRONG_PARAMS),
    ('{"jsonrpc":"2.0","id":1,"method":"models.list","params":"x"}', WRONG_PARAMS),
    ('{"jsonrpc":"2.0","id":1,"method":"models\\u0000list"}', WRONG_PARAMS),
    ('{"jsonrpc":"2.0","id":1,"method":"models\\ud800list"}', WRONG_PARAMS),
    ('{"jsonrpc":"2.0","id":"a\\u0000b","method":"models.list"}', WRONG_PARAMS),
    ('{"jsonrpc":"2.0","id":"a\\udc00é","method":"models.list"}', WRONG_PARAMS),
    (b"", NO_REQUEST),
    (b'{"jsonrpc":"2.0","id":1,"method":"models.list"}', NO_REQUEST),
    (b"\xff\x00", NO_REQUEST),
]


async def test_each_wrong_frame_gets_its_error_and_the_connection_goes_on() -> None:
    async with talk(answer(""), LIMIT_FRAMES_PER_SECOND=1000) as t:
        for frame, _ in UNREADABLE:
            await t.ada.send_text(frame)
        await t.ada.send_text('{"jsonrpc":"2.0","id":"last","method":"models.list"}')
        assert "result" in await t.ada.answer("last")
        errors = [frame["error"]["code"] for frame in t.ada.frames if "error" in frame]
        assert errors == [code for _, code in UNREADABLE]


IDS = ["1", "0", "-1", '"1"', '""', "null", "1.5", "1e2", "9007199254740993", "18446744073709551616"]
IDS += ["-123456789012345678901234567890", '"é😀"', '"\\u0001\\n"', '"\\u2028"', json.dumps("x" * 1000)]


async def test_an_id_comes_back_as_it_was() -> None:
    async with talk(answer("")) as t:
        await t.ada.call("conversation.create", title="Größe 😀")
        for number in IDS:
            await t.ada.send_text(f'{{"jsonrpc":"2.0","method":"conversation.list","id":{number}}}')
        await t.ada.call("models.list")
        answers = [frame["id"] for frame in t.ada.frames if "conversations" in frame.get("result", {})]
        assert list(map(repr, answers)) == [repr(json.loads(number)) for number in IDS]


async def test_a_request_without_an_id_is_carried_out_and_gets_no_answer() -> None:
    async with talk(answer("")) as t:
        for params in ('{"name":"Bees"}', '{"name":1}', "[]", '{"name":"\\u0000"}'):
            await t.ada.send_text(f'{{"jsonrpc":"2.0","method":"project.create","params":{params}}}')
        await t.ada.send_text('{"jsonrpc":"2.0","method":"no.such"}')
        listed = await t.ada.call("project.list")
        assert [project["name"] for project in listed["projects"]] == ["Bees"]
        assert len([frame for frame in t.ada.frames if "id" in frame]) == 1


async def test_requests_are_answered_in_their_order() -> None:
    async with talk(answer("")) as t:
        numbers = [
            await t.ada.send(method, **params)
            for method, params in [
                ("project.create", {"name": "A"}),
                ("models.list", {}),
                ("project.list", {}),
                ("no.such", {}),
                ("conversation.create", {}),
                ("tools.list", {}),
            ]
        ]
        await t.ada.answer(numbers[-1])
        assert [frame["id"] for frame in t.ada.frames if "id" in frame] == numbers
        assert len((await t.ada.answer(numbers[2]))["result"]["projects"]) == 1
