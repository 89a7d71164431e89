"""`message.send` continues the active branch, or starts a branch after an earlier answer or at the beginning."""

from __future__ import annotations

import pytest

from tests.modelserver import answer
from tests.protocol.talk import expect_error, invalid_fields, talk

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_question_after_an_earlier_answer_starts_a_branch_that_becomes_active() -> None:
    async with talk(answer("A1"), answer("A2"), answer("B2"), answer("B3")) as t:
        first = await t.ask("Q1")
        where = {"conversation_id": first["conversation_id"]}
        second = await t.ask("Q2", **where)
        branched = await t.ask("R2", **where, parent_id=first["assistant_message_id"])
        messages = await t.messages(first["conversation_id"])
        assert [m["content"]["text"] for m in messages] == ["Q1", "A1", "R2", "B2"]
        assert messages[2]["parent_id"] == first["assistant_message_id"]
        assert messages[2]["siblings"] == [second["message_id"], branched["message_id"]]
        assert messages[3]["siblings"] == [branched["assistant_message_id"]]
        sent = t.model.requests[2].body["messages"]
        assert [m["content"] for m in sent[1:]] == ["Q1", "A1", "R2"]
        await t.ask("R3", **where)
        messages = await t.messages(first["conversation_id"])
        assert [m["content"]["text"] for m in messages] == ["Q1", "A1", "R2", "B2", "R3", "B3"]


async def test_a_null_parent_starts_a_branch_with_a_new_first_question() -> None:
    async with talk(answer("A1"), answer("B1")) as t:
        first = await t.ask("Q1")
        where = {"conversation_id": first["conversation_id"]}
        again = await t.ask("R1", **where, parent_id=None)
        messages = await t.messages(first["conversation_id"])
        assert [m["content"]["text"] for m in messages] == ["R1", "B1"]
        assert messages[0]["parent_id"] is None
        assert messages[0]["siblings"] == [first["message_id"], again["message_id"]]
        assert [m["content"] for m in t.model.requests[1].body["messages"][1:]] == ["R1"]
        added = t.ada.received("message_added")[-1]["message"]
        assert added["siblings"] == messages[0]["siblings"]


async def test_the_answer_is_the_leaf_of_the_active_branch() -> None:
    async with talk(answer("A1")) as t:
        sent = await t.ask("Q1")
        got = await t.ada.call("conversation.get", conversation_id=sent["conversation_id"])
        assert got["conversation"]["leaf_message_id"] == sent["assistant_message_id"]
        assert [m["id"] for m in got["messages"]] == [sent["message_id"], sent["assistant_message_id"]]
        assert [m["role"] for m in got["messages"]] == ["user", "assistant"]


async def test_the_parent_must_be_an_answer_in_the_same_conversation() -> None:
    async with talk(answer("A1")) as t:
        one, other = await t.ask("Q1"), await t.ask("Q1")
        where = {"conversation_id": one["conversation_id"]}
        fields = await invalid_fields(t.ada, "message.send", text="x", **where, parent_id=one["message_id"])
        assert fields == {"parent_id"}
        error = await expect_error(t.ada, "message.send", text="x", **where, parent_id=other["assistant_message_id"])
        assert error.data == {"code": "not_found"}
        assert len(await t.messages(one["conversation_id"])) == 2


async def test_a_new_conversation_belongs_to_the_project_of_the_request() -> None:
    async with talk(answer("A1")) as t:
        project = (await t.ada.call("project.create", name="Bees"))["project"]
        sent = await t.ask("Q1", project_id=project["id"])
        got = await t.ada.call("conversation.get", conversation_id=sent["conversation_id"])
        assert got["conversation"]["project_id"] == project["id"]
