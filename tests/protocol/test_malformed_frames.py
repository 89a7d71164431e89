"""A malformed frame gets the error that JSON-RPC and the protocol define, and the connection stays open."""

from __future__ import annotations

import json

import pytest

from tests.modelserver import answer
from tests.protocol.talk import talk

pytestmark = pytest.mark.django_db(transaction=True)

NOT_JSON, NOT_A_REQUEST, UNKNOWN_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602

MALFORMED: list[tuple[str | bytes, int]] = [
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
    ("null", NOT_A_REQUEST),
    ("1", NOT_A_REQUEST),
    ('"models.list"', NOT_A_REQUEST),
    ("[]", NOT_A_REQUEST),
    ('[{"jsonrpc":"2.0","id":1,"method":"models.list"}]', NOT_A_REQUEST),
    ("{}", NOT_A_REQUEST),
    ('{"id":1,"method":"models.list"}', NOT_A_REQUEST),
    ('{"jsonrpc":"1.0","id":"x","method":"models.list"}', NOT_A_REQUEST),
    ('{"jsonrpc":2.0,"id":1,"method":"models.list"}', NOT_A_REQUEST),
    ('{"jsonrpc":"2.0","id":1}', NOT_A_REQUEST),
    ('{"jsonrpc":"2.0","id":1,"method":null}', NOT_A_REQUEST),
    ('{"jsonrpc":"2.0","id":1,"method":["models.list"]}', NOT_A_REQUEST),
    ('{"jsonrpc":"2.0","id":1,"result":{}}', NOT_A_REQUEST),
    ('{"jsonrpc":"2.0","id":true,"method":"models.list"}', NOT_A_REQUEST),
    ('{"jsonrpc":"2.0","id":{},"method":"models.list"}', NOT_A_REQUEST),
    ('{"jsonrpc":"2.0","id":[1],"method":"models.list"}', NOT_A_REQUEST),
    ('{"jsonrpc":"2.0","id":1e400,"method":"models.list"}', NOT_A_REQUEST),
    ('{"jsonrpc":"2.0","id":1,"method":""}', UNKNOWN_METHOD),
    ('{"jsonrpc":"2.0","id":1,"method":"__init__"}', UNKNOWN_METHOD),
    ('{"jsonrpc":"2.0","id":1,"method":"Models.List","params":[]}', UNKNOWN_METHOD),
    (json.dumps({"jsonrpc": "2.0", "id": 1, "method": "é" * 100_000}, ensure_ascii=False), UNKNOWN_METHOD),
    ('{"jsonrpc":"2.0","id":1,"method":"models.list","params":[]}', INVALID_PARAMS),
    ('{"jsonrpc":"2.0","id":1,"method":"models.list","params":null}', INVALID_PARAMS),
    ('{"jsonrpc":"2.0","id":1,"method":"models.list","params":"x"}', INVALID_PARAMS),
    ('{"jsonrpc":"2.0","id":1,"method":"models\\u0000list"}', INVALID_PARAMS),
    ('{"jsonrpc":"2.0","id":1,"method":"models\\ud800list"}', INVALID_PARAMS),
    ('{"jsonrpc":"2.0","id":"a\\u0000b","method":"models.list"}', INVALID_PARAMS),
    ('{"jsonrpc":"2.0","id":"a\\udc00é","method":"models.list"}', INVALID_PARAMS),
    (b"", NOT_A_REQUEST),
    (b'{"jsonrpc":"2.0","id":1,"method":"models.list"}', NOT_A_REQUEST),
    (b"\xff\x00", NOT_A_REQUEST),
]


async def test_each_malformed_frame_gets_its_error_and_the_connection_stays_open() -> None:
    async with talk(answer(""), LIMIT_FRAMES_PER_SECOND=1000) as t:
        for frame, _ in MALFORMED:
            await t.ada.send_text(frame)
        await t.ada.send_text('{"jsonrpc":"2.0","id":"last","method":"models.list"}')
        assert "result" in await t.ada.response("last")
        errors = [frame["error"]["code"] for frame in t.ada.frames if "error" in frame]
        assert errors == [code for _, code in MALFORMED]


IDS = ["1", "0", "-1", '"1"', '""', "null", "1.5", "1e2", "9007199254740993", "18446744073709551616"]
IDS += ["-123456789012345678901234567890", '"é😀"', '"\\u0001\\n"', '"\\u2028"', json.dumps("x" * 1000)]


async def test_the_id_of_a_request_is_returned_unchanged() -> None:
    async with talk(answer("")) as t:
        await t.ada.call("conversation.create", title="Größe 😀")
        for number in IDS:
            await t.ada.send_text(f'{{"jsonrpc":"2.0","method":"conversation.list","id":{number}}}')
        await t.ada.call("models.list")
        returned = [frame["id"] for frame in t.ada.frames if "conversations" in frame.get("result", {})]
        assert list(map(repr, returned)) == [repr(json.loads(number)) for number in IDS]


async def test_a_request_without_an_id_is_executed_and_gets_no_response() -> None:
    async with talk(answer("")) as t:
        for params in ('{"name":"Bees"}', '{"name":1}', "[]", '{"name":"\\u0000"}'):
            await t.ada.send_text(f'{{"jsonrpc":"2.0","method":"project.create","params":{params}}}')
        await t.ada.send_text('{"jsonrpc":"2.0","method":"no.such"}')
        listed = await t.ada.call("project.list")
        assert [project["name"] for project in listed["projects"]] == ["Bees"]
        assert len([frame for frame in t.ada.frames if "id" in frame]) == 1


async def test_responses_come_in_the_order_of_the_requests() -> None:
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
        await t.ada.response(numbers[-1])
        assert [frame["id"] for frame in t.ada.frames if "id" in frame] == numbers
        assert len((await t.ada.response(numbers[2]))["result"]["projects"]) == 1
