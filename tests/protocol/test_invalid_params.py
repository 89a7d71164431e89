"""Unknown, missing, mistyped, too long and unstorable params are refused, and the error names each of them."""

from __future__ import annotations

from typing import Any

import pytest

from conversations.models import Conversation
from tests.modelserver import answer
from tests.protocol.talk import expect_error, invalid_fields, talk

pytestmark = pytest.mark.django_db(transaction=True)

SOME_ID = "00000000-0000-4000-8000-000000000000"

INVALID: list[tuple[str, dict[str, Any], set[str]]] = [
    ("models.list", {"x": 1}, {"x"}),
    ("tools.list", {"limit": 1}, {"limit"}),
    ("conversation.get", {}, {"conversation_id"}),
    ("conversation.get", {"conversation_id": 1}, {"conversation_id"}),
    ("conversation.get", {"conversation_id": None}, {"conversation_id"}),
    ("conversation.get", {"conversation_id": SOME_ID, "limit": 0}, {"limit"}),
    ("conversation.get", {"conversation_id": SOME_ID, "limit": 201}, {"limit"}),
    ("conversation.get", {"conversation_id": SOME_ID, "limit": True}, {"limit"}),
    ("conversation.get", {"conversation_id": SOME_ID, "limit": "5"}, {"limit"}),
    ("conversation.get", {"conversation_id": SOME_ID, "limit": 5.5, "extra": {}}, {"limit", "extra"}),
    ("conversation.list", {"archived": "no"}, {"archived"}),
    ("conversation.list", {"archived": 1}, {"archived"}),
    ("conversation.list", {"query": ["x"]}, {"query"}),
    ("conversation.list", {"cursor": "nonsense"}, {"cursor"}),
    ("conversation.list", {"cursor": "MDAwMS0wMS0wMVQwMDowMDowMCsyMzo1OSBhIGI="}, {"cursor"}),
    ("project.list", {"cursor": "é"}, {"cursor"}),
    ("conversation.create", {"title": 5, "temperature": "hot"}, {"title", "temperature"}),
    ("conversation.create", {"title": "x" * 201}, {"title"}),
    ("conversation.create", {"title": "\0"}, {"title"}),
    ("conversation.create", {"title": "\ud800"}, {"title"}),
    ("conversation.create", {"system_prompt": "a\udfffb"}, {"system_prompt"}),
    ("conversation.create", {"temperature": 2.5}, {"temperature"}),
    ("conversation.create", {"temperature": -0.1}, {"temperature"}),
    ("conversation.create", {"temperature": True}, {"temperature"}),
    ("conversation.create", {"max_tokens": 0}, {"max_tokens"}),
    ("conversation.create", {"max_tokens": 1.5}, {"max_tokens"}),
    ("conversation.create", {"max_tokens": 10**30}, {"max_tokens"}),
    ("conversation.create", {"thinking_enabled": "yes"}, {"thinking_enabled"}),
    ("conversation.create", {"model": "no-such-model"}, {"model"}),
    ("conversation.create", {"model": ""}, {"model"}),
    ("conversation.create", {"tools": "calculator"}, {"tools"}),
    ("conversation.create", {"tools": ["no_such_tool"]}, {"tools"}),
    ("conversation.create", {"tools": ["calculator", 1]}, {"tools.1"}),
    ("conversation.create", {"pinned": True}, {"pinned"}),
    ("conversation.create", {"request_id": ""}, {"request_id"}),
    ("conversation.create", {"request_id": 7}, {"request_id"}),
    ("project.create", {}, {"name"}),
    ("project.create", {"name": "  "}, {"name"}),
    ("project.create", {"name": "x" * 201}, {"name"}),
    ("project.create", {"name": "x", "instructions": "\0"}, {"instructions"}),
    ("message.send", {}, {"text"}),
    ("message.send", {"text": ""}, {"text"}),
    ("message.send", {"text": " \n"}, {"text"}),
    ("message.send", {"text": None}, {"text"}),
    ("message.send", {"text": "x" * 200_001}, {"text"}),
    ("message.send", {"text": "a\0b"}, {"text"}),
    ("message.send", {"text": "\udead"}, {"text"}),
    ("message.send", {"text": "x", "model": "no-such-model"}, {"model"}),
    ("message.send", {"text": "x", "tools_enabled": "yes"}, {"tools_enabled"}),
    ("message.send", {"text": "x", "attachments": [SOME_ID]}, {"attachments"}),
    ("message.send", {"text": "x", "conversation_id": 5}, {"conversation_id"}),
    ("message.send", {"text": "x", "parent_id": {}}, {"parent_id"}),
    ("run.cancel", {"run_id": ["x"]}, {"run_id"}),
]


async def test_each_invalid_field_is_named_and_nothing_is_done() -> None:
    async with talk(answer(""), LIMIT_FRAMES_PER_SECOND=1000) as t:
        for method, params, fields in INVALID:
            assert await invalid_fields(t.ada, method, **params) == fields, (method, params)
        assert await Conversation.objects.acount() == 0
        assert t.model.requests == []
        assert {n["method"] for n in t.ada.notifications} == {"hello"}


INVALID_TOOL_CHOICES: list[Any] = [
    "sometimes",
    "",
    1,
    [],
    {},
    {"type": "function"},
    {"type": "function", "function": {}},
    {"type": "function", "function": {"name": "calculator", "x": 1}},
    {"type": "tool", "function": {"name": "x"}},
]


async def test_a_tool_choice_that_openai_does_not_define_is_refused() -> None:
    async with talk(answer("")) as t:
        for choice in INVALID_TOOL_CHOICES:
            fields = await invalid_fields(t.ada, "message.send", text="x", tool_choice=choice)
            assert all(field.startswith("tool_choice") for field in fields), choice


async def test_errors_about_unknown_fields_stay_small() -> None:
    async with talk(answer(""), LIMIT_FRAMES_PER_SECOND=1000) as t:
        for params in ({"é" * 400_000: 1}, {"a\0b": 1}, {"\ud800": 1}, {f"name{i}": i for i in range(5_000)}):
            error = await expect_error(t.ada, "models.list", **params)
            assert error.code == -32602
            assert len(str(error)) < 5_000
        deep: Any = "x"
        for _ in range(500):
            deep = [deep]
        assert await invalid_fields(t.ada, "conversation.create", tools=deep, more=deep) == {"tools.0", "more"}


async def test_lengths_are_counted_in_code_points() -> None:
    async with talk(answer("Yes")) as t:
        await t.ask("😀" * 200_000)
        await t.ada.call("conversation.create", title="😀" * 200)
        assert t.model.requests[0].body["messages"][-1]["content"] == "😀" * 200_000


async def test_null_counts_as_absent_for_optional_params() -> None:
    async with talk(answer("Yes")) as t:
        created = await t.ada.call(
            "conversation.create", model=None, project_id=None, temperature=None, max_tokens=None, tools=None
        )
        nothing = dict.fromkeys(["model", "tool_choice", "project_id", "request_id"])
        await t.ask("Hi", conversation_id=created["conversation"]["id"], **nothing)
