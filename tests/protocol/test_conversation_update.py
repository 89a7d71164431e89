"""`conversation.update` sets the given fields only and notifies every connection of the owner."""

from __future__ import annotations

from typing import Any

import pytest

from conversations.models import Conversation
from tests.modelserver import Gate, answer
from tests.protocol.talk import Talk, expect_error, gated_answer, invalid_fields, talk

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "other-model"
CHANGES: dict[str, list[Any]] = {
    "title": ["Bees", "😀" * 200, ""],
    "model": [OTHER, None],
    "system_prompt": ["Be brief.", ""],
    "temperature": [0, 0.5, 2, None],
    "max_tokens": [1, 2_147_483_647, None],
    "thinking_enabled": [False, True],
    "tools": [["calculator"], [], None],
    "pinned": [True, False],
    "archived": [True, False],
}
NOT_NULLABLE = ["title", "system_prompt", "thinking_enabled", "pinned", "archived"]
INVALID: list[tuple[dict[str, Any], set[str]]] = [
    *(({name: None}, {name}) for name in NOT_NULLABLE),
    ({"model": "no-such-model"}, {"model"}),
    ({"tools": ["calculator", "no_such_tool"]}, {"tools"}),
    ({"model": "no-such-model", "tools": ["no_such_tool"]}, {"model", "tools"}),
    ({"title": "x" * 201}, {"title"}),
    ({"title": "a\0"}, {"title"}),
    ({"temperature": 2.1}, {"temperature"}),
    ({"max_tokens": 0}, {"max_tokens"}),
    ({"pinned": 1}, {"pinned"}),
    ({"archived": "yes"}, {"archived"}),
    ({"leaf_message_id": "x"}, {"leaf_message_id"}),
    ({"title": "fine", "owner": 2}, {"owner"}),
]


async def create_conversation(t: Talk, **fields: Any) -> dict[str, Any]:
    conversation: dict[str, Any] = (await t.ada.call("conversation.create", **fields))["conversation"]
    return conversation


async def test_each_field_is_set_alone_and_every_connection_is_notified() -> None:
    models = ("test-model", OTHER)
    async with talk(answer(""), LLM_MODELS=models, LIMIT_FRAMES_PER_SECOND=1000) as t, t.site.client() as tab:
        known = await create_conversation(t)
        project = (await t.ada.call("project.create", name="Bees"))["project"]["id"]
        for name, values in (CHANGES | {"project_id": [project, None]}).items():
            for value in values:
                known |= {name: value}
                changed = await t.ada.call("conversation.update", conversation_id=known["id"], **{name: value})
                assert changed == {"conversation": known}
                assert await tab.until("conversation_changed", **changed) == changed
        assert await t.ada.until("conversation_changed", conversation=known)
        assert (await t.ada.call("conversation.get", conversation_id=known["id"]))["conversation"] == known


async def test_an_update_can_set_several_fields_or_none() -> None:
    async with talk(answer("")) as t:
        known = await create_conversation(t, title="Bees", temperature=1)
        fields = {"title": "Wasps", "temperature": None, "pinned": True, "tools": ["calculator"]}
        changed = await t.ada.call("conversation.update", conversation_id=known["id"], **fields)
        assert changed["conversation"] == known | fields
        assert await t.ada.call("conversation.update", conversation_id=known["id"]) == changed


async def test_an_invalid_update_names_the_fields_and_changes_nothing() -> None:
    async with talk(answer(""), LIMIT_FRAMES_PER_SECOND=1000) as t, t.site.client("bob") as bob:
        known = await create_conversation(t, title="Bees")
        for fields, invalid in INVALID:
            assert await invalid_fields(t.ada, "conversation.update", conversation_id=known["id"], **fields) == invalid
        assert await invalid_fields(t.ada, "conversation.update", title="x") == {"conversation_id"}
        theirs = (await bob.call("project.create", name="Secret"))["project"]["id"]
        for project in (theirs, "nowhere"):
            params = {"conversation_id": known["id"], "title": "x", "project_id": project}
            assert (await expect_error(t.ada, "conversation.update", **params)).data == {"code": "not_found"}
        for missing in ("nowhere", theirs):
            error = await expect_error(t.ada, "conversation.update", conversation_id=missing, title="x")
            assert (error.code, error.data) == (-32000, {"code": "not_found"})
        error = await expect_error(bob, "conversation.update", conversation_id=known["id"], title="Mine")
        assert error.data == {"code": "not_found"}
        got = await t.ada.call("conversation.get", conversation_id=known["id"])
        assert got["conversation"] == known
        assert len(t.ada.received("conversation_changed")) == 1
        assert bob.received("conversation_changed") == []


async def test_a_conversation_can_be_updated_during_a_run() -> None:
    gate = Gate()
    async with talk(gated_answer(gate)) as t:
        sent = await t.ada.call("message.send", text="What is a bee?")
        await t.ada.until("process_step", type="text")
        changes = {"title": "Bees", "temperature": 0.5, "archived": True}
        changed = await t.ada.call("conversation.update", conversation_id=sent["conversation_id"], **changes)
        assert changed["conversation"]["run_id"] == sent["run_id"]
        gate.open()
        end = await t.ada.ended(sent["run_id"])
        assert end["params"]["status"] == "complete"
        got = (await t.ada.call("conversation.get", conversation_id=sent["conversation_id"]))["conversation"]
        assert {name: got[name] for name in changes} == changes
        assert (got["leaf_message_id"], got["run_id"]) == (sent["assistant_message_id"], None)


async def test_updated_settings_apply_to_the_next_question() -> None:
    async with talk(answer("Yes"), LLM_MODELS=("test-model", OTHER)) as t:
        sent = await t.ask("Hi")
        where = {"conversation_id": sent["conversation_id"]}
        await t.ada.call("conversation.update", **where, model=OTHER, system_prompt="Be brief.", max_tokens=9, tools=[])
        await t.ask("And?", **where)
        body = t.model.requests[1].body
        assert (body["model"], body["messages"][0]["content"].count("Be brief."), "tools" in body) == (OTHER, 1, False)
        assert 9 in (body.get("max_tokens"), body.get("max_completion_tokens"))


async def test_an_update_does_not_change_the_order_of_the_list() -> None:
    async with talk(answer("")) as t:
        first, second = await create_conversation(t, title="First"), await create_conversation(t, title="Second")
        await t.ada.call("conversation.update", conversation_id=first["id"], title="Still first")
        listed = (await t.ada.call("conversation.list"))["conversations"]
        assert [c["id"] for c in listed] == [second["id"], first["id"]]
        assert (await Conversation.objects.aget(pk=first["id"])).title == "Still first"
