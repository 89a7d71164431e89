"""Conversations, projects, models and tools, a page at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conversations.models import Conversation, Project
from tests.client import Client
from tests.modelserver import Gate, answer
from tests.protocol.talk import halting, talk
from tests.site import Site

pytestmark = pytest.mark.django_db(transaction=True)


async def pages(client: Client, method: str, name: str, **params: Any) -> list[list[dict[str, Any]]]:
    """All pages, from the first to the last."""
    found = []
    cursor: dict[str, str] = {}
    while True:
        page = await client.call(method, **params, **cursor)
        found.append(page[name])
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def make_conversations(site: Site, count: int, **fields: Any) -> None:
    ada = await site.user()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    await Conversation.objects.abulk_create(
        # Three at each moment: the order among them has to be kept over pages too.
        Conversation(owner=ada, title=f"c{n}", updated_at=start + timedelta(hours=n // 3), **fields)
        for n in range(count)
    )


async def test_conversations_come_newest_activity_first() -> None:
    async with talk(answer("Yes")) as t:
        made = [(await t.ada.call("conversation.create", title=name))["conversation"]["id"] for name in "abc"]
        listed = (await t.ada.call("conversation.list"))["conversations"]
        assert [c["id"] for c in listed] == made[::-1]
        await t.ask("Hi", conversation_id=made[0])
        listed = (await t.ada.call("conversation.list"))["conversations"]
        assert [c["id"] for c in listed] == [made[0], made[2], made[1]]


async def test_pages_follow_each_other_without_gap_or_repetition() -> None:
    async with talk(answer("")) as t:
        await make_conversations(t.site, 23)
        whole = (await t.ada.call("conversation.list"))["conversations"]
        paged = await pages(t.ada, "conversation.list", "conversations", limit=4)
        assert [len(page) for page in paged] == [4, 4, 4, 4, 4, 3]
        assert [c for page in paged for c in page] == whole
        assert [c["updated_at"] for c in whole] == sorted((c["updated_at"] for c in whole), reverse=True)
        exact = await pages(t.ada, "conversation.list", "conversations", limit=23)
        assert [len(page) for page in exact] == [23]


async def test_a_page_has_fifty_if_nothing_is_said() -> None:
    async with talk(answer("")) as t:
        await make_conversations(t.site, 60)
        assert [len(page) for page in await pages(t.ada, "conversation.list", "conversations")] == [50, 10]
        assert [len(page) for page in await pages(t.ada, "conversation.list", "conversations", limit=200)] == [60]


async def test_conversations_are_found_by_their_title() -> None:
    async with talk(answer("")) as t:
        for title in ("Bees and wasps", "100% honey", "a_b", "Hornets"):
            await t.ada.call("conversation.create", title=title)

        async def found(query: str) -> list[str]:
            listed = await t.ada.call("conversation.list", query=query)
            return [c["title"] for c in listed["conversations"]]

        assert await found("WASP") == ["Bees and wasps"]
        assert await found("%") == ["100% honey"]
        assert await found("_") == ["a_b"]
        assert await found("nothing") == []
        assert len(await found("")) == 4


async def test_archived_ones_are_a_list_of_their_own() -> None:
    async with talk(answer("")) as t:
        await t.ada.call("conversation.create", title="current")
        await make_conversations(t.site, 1, archived=True)
        for params, title in (({}, "current"), ({"archived": False}, "current"), ({"archived": True}, "c0")):
            listed = (await t.ada.call("conversation.list", **params))["conversations"]
            assert [c["title"] for c in listed] == [title]


async def test_the_conversations_of_a_project() -> None:
    async with talk(answer("")) as t:
        project = (await t.ada.call("project.create", name="Bees"))["project"]
        await t.ada.call("conversation.create", title="elsewhere")
        inside = await t.ada.call("conversation.create", title="inside", project_id=project["id"])
        listed = await t.ada.call("conversation.list", project_id=project["id"])
        assert [c["id"] for c in listed["conversations"]] == [inside["conversation"]["id"]]


async def test_a_list_says_which_conversation_is_being_answered() -> None:
    gate = Gate()
    async with talk(halting(gate)) as t:
        await t.ada.call("conversation.create")
        sent = await t.ada.call("message.send", text="Hi")
        listed = (await t.ada.call("conversation.list"))["conversations"]
        assert [c["run_id"] for c in listed] == [sent["run_id"], None]
        gate.open()
        await t.ada.ended(sent["run_id"])
        listed = (await t.ada.call("conversation.list"))["conversations"]
        assert [c["run_id"] for c in listed] == [None, None]


async def test_projects_come_newest_first_in_pages() -> None:
    async with talk(answer("")) as t:
        made = [(await t.ada.call("project.create", name=f"p{n}", instructions="Be"))["project"] for n in range(5)]
        paged = await pages(t.ada, "project.list", "projects", limit=2)
        assert [p for page in paged for p in page] == made[::-1]


async def test_long_instructions_make_shorter_pages() -> None:
    async with talk(answer("")) as t:
        ada = await t.site.user()
        await Project.objects.abulk_create(
            Project(owner=ada, name=f"p{n}", instructions="\x1f" * 100_000) for n in range(3)
        )
        await Project.objects.abulk_create(Project(owner=ada, name=f"q{n}", instructions="é" * 500) for n in range(200))
        paged = await pages(t.ada, "project.list", "projects", limit=200)
        assert sum(map(len, paged)) == 203
        assert len({p["id"] for page in paged for p in page}) == 203


async def test_many_long_titles_and_lists_of_tools_make_shorter_pages() -> None:
    async with talk(answer("")) as t:
        ada = await t.site.user()
        await Conversation.objects.abulk_create(
            Conversation(owner=ada, title="\x1f" * 200, tools=["calculator"] * 1000) for _ in range(80)
        )
        paged = await pages(t.ada, "conversation.list", "conversations", limit=200)
        assert sum(map(len, paged)) == 80


async def test_models_are_those_that_are_set_the_first_being_the_default() -> None:
    async with talk(answer(""), LLM_MODELS=("small", "large")) as t:
        models = (await t.ada.call("models.list"))["models"]
        assert [(m["name"], m["default"]) for m in models] == [("small", True), ("large", False)]
        assert all(m["tools"] for m in models)


async def test_tools_are_listed_with_their_schemas() -> None:
    async with talk(answer("")) as t:
        tools = {tool["name"]: tool for tool in (await t.ada.call("tools.list"))["tools"]}
        assert tools.keys() >= {"calculator", "current_time", "list_files", "read_file", "write_file"}
        assert list(tools["calculator"]["parameters"]["properties"]) == ["expression"]
        assert (tools["calculator"]["read_only"], tools["write_file"]["read_only"]) == (True, False)
        assert "context" not in tools["write_file"]["parameters"]["properties"]
