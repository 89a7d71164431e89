"""The title of a conversation is set once, from its first question, and never replaces one set by the user."""

from __future__ import annotations

import pytest

from tests.modelserver import answer, status
from tests.protocol.talk import Talk, talk

pytestmark = pytest.mark.django_db(transaction=True)


async def title_of(t: Talk, conversation_id: str) -> str:
    got = await t.ada.call("conversation.get", conversation_id=conversation_id)
    title: str = got["conversation"]["title"]
    return title


TITLES = {
    "Hello": "Hello",
    "  \n What is a bee?\t": "What is a bee?",
    "x" * 31: "x" * 30,
    "😀" * 40: "😀" * 30,
    "one\ntwo": "one\ntwo",
}


async def test_the_title_is_made_from_the_first_question() -> None:
    async with talk(answer("Yes")) as t:
        for question, title in TITLES.items():
            sent = await t.ask(question)
            assert await title_of(t, sent["conversation_id"]) == title
            assert (await t.ada.ended(sent["run_id"]))["params"]["suggested_title"] == title
            changes = [c["conversation"] for c in t.ada.received("conversation_changed")]
            assert {c["title"] for c in changes if c["id"] == sent["conversation_id"]} == {title}


async def test_a_second_question_does_not_change_the_title() -> None:
    async with talk(answer("Yes")) as t:
        first = await t.ask("First")
        for parent in ({}, {"parent_id": None}):
            sent = await t.ask("Second", conversation_id=first["conversation_id"], **parent)
            assert (await t.ada.ended(sent["run_id"]))["params"]["suggested_title"] is None
        assert await title_of(t, first["conversation_id"]) == "First"


async def test_a_title_set_by_the_user_is_kept() -> None:
    async with talk(answer("Yes")) as t:
        created = (await t.ada.call("conversation.create", title="Mine"))["conversation"]
        sent = await t.ask("Question", conversation_id=created["id"])
        assert await title_of(t, created["id"]) == "Mine"
        assert (await t.ada.ended(sent["run_id"]))["params"]["suggested_title"] is None


async def test_an_empty_title_stays_empty_until_the_first_question() -> None:
    async with talk(status(500), answer("Yes")) as t:
        created = (await t.ada.call("conversation.create"))["conversation"]
        assert created["title"] == ""
        await t.ask("Question", conversation_id=created["id"])
        assert await title_of(t, created["id"]) == "Question"
