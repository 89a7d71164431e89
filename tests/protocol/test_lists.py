"""Lists of conversations, projects, models and tools."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conversations.models import Conversation, Project
from tests.client import Client
from tests.modelserver import Gate, answer
from tests.protocol.talk import gated_answer, talk
from tests.site import Site

pytestmark = pytest.mark.django_db(transaction=True)


async def all_pages(client: Client, method: str, name: str, **params: Any) -> list[list[dict[str, Any]]]:
    """Returns all pages of a list, from the first to the last."""
    found = []
    cursor: dict[str, str] = {}
    while True:
        page = await client.call(method, **params, **cursor)
        found.append(page[name])
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def create_conversations(site: Site, count: int, **fields: Any) -> None:
    ada = await site.user()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    await Conversation.objects.abulk_create(
        # Three share each time, so that pages also split conversations with equal times
        Conversation(owner=ada, title=f"c{n}", updated_at=start + timedelta(hours=n // 3), **fields)
        for n in range(count)
    )


async def test_conversations_are_listed_by_newest_activity() -> None:
    async with talk(answer("Yes")) as t:
        created = [(await t.ada.call("conversation.create", title=name))["conversation"]["id"] for name in "abc"]
        listed = (await t.ada.call("conversation.list"))["conversations"]
        assert [c["id"] for c in listed] == created[::-1]
        await t.ask("Hi", conversation_id=created[0])
        listed = (await t.ada.call("conversation.list"))["conversations"]
        assert [c["id"] for c in listed] == [created[0], created[2], created[1]]


async def test_pages_have_no_gaps_and_no_repetitions() -> None:
    async with talk(answer("")) as t:
        await create_conversations(t.site, 23)
        unpaged = (await t.ada.call("conversation.list"))["conversations"]
        paged = await all_pages(t.ada, "conversation.list", "conversations", limit=4)
        assert [len(page) for page in paged] == [4, 4, 4, 4, 4, 3]
        assert [c for page in paged for c in page] == unpaged
        assert [c["updated_at"] for c in unpaged] == sorted((c["updated_at"] for c in unpaged), reverse=True)
        single = await all_pages(t.ada, "conversation.list", "conversations", limit=23)
        assert [len(page) for page in single] == [23]


async def test_a_page_has_50_conversations_by_default() -> None:
    async with talk(answer("")) as t:
        await create_conversations(t.site, 60)
        assert [len(page) for page in await all_pages(t.ada, "conversation.list", "conversations")] == [50, 10]
        assert [len(page) for page in await all_pages(t.ada, "conversation.list", "conversations", limit=200)] == [60]


async def test_conversations_are_searched_by_title() -> None:
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


async def test_archived_conversations_are_listed_separately() -> None:
    async with talk(answer("")) as t:
        await t.ada.call("conversation.create", title="current")
        await create_conversations(t.site, 1, archived=True)
        for params, title in (({}, "current"), ({"archived": False}, "current"), ({"archived": True}, "c0")):
            listed = (await t.ada.call("conversation.list", **params))["conversations"]
            assert [c["title"] for c in listed] == [title]


async def test_conversations_can_be_listed_by_project() -> None:
    async with talk(answer("")) as t:
        project = (await t.ada.call("project.create", name="Bees"))["project"]
        await t.ada.call("conversation.create", title="elsewhere")
        inside = await t.ada.call("conversation.create", title="inside", project_id=project["id"])
        listed = await t.ada.call("conversation.list", project_id=project["id"])
        assert [c["id"] for c in listed["conversations"]] == [inside["conversation"]["id"]]


async def test_the_list_shows_the_live_run_of_a_conversation() -> None:
    gate = Gate()
    async with talk(gated_answer(gate)) as t:
        await t.ada.call("conversation.create")
        sent = await t.ada.call("message.send", text="Hi")
        listed = (await t.ada.call("conversation.list"))["conversations"]
        assert [c["run_id"] for c in listed] == [sent["run_id"], None]
        gate.open()
        await t.ada.ended(sent["run_id"])
        listed = (await t.ada.call("conversation.list"))["conversations"]
        assert [c["run_id"] for c in listed] == [None, None]


async def test_projects_are_listed_newest_first_in_pages() -> None:
    async with talk(answer("")) as t:
        created = [(await t.ada.call("project.create", name=f"p{n}", instructions="Be"))["project"] for n in range(5)]
        paged = await all_pages(t.ada, "project.list", "projects", limit=2)
        assert [p for page in paged for p in page] == created[::-1]


async def test_long_instructions_make_shorter_pages() -> None:
    async with talk(answer("")) as t:
        ada = await t.site.user()
        await Project.objects.abulk_create(
            Project(owner=ada, name=f"p{n}", instructions="\x1f" * 100_000) for n in range(3)
        )
        await Project.objects.abulk_create(Project(owner=ada, name=f"q{n}", instructions="é" * 500) for n in range(200))
        paged = await all_pages(t.ada, "project.list", "projects", limit=200)
        assert len(paged) > 2
        assert sum(map(len, paged)) == 203
        assert len({p["id"] for page in paged for p in page}) == 203


async def test_long_titles_and_tool_lists_make_shorter_pages() -> None:
    async with talk(answer("")) as t:
        ada = await t.site.user()
        await Conversation.objects.abulk_create(
            Conversation(owner=ada, title="\x1f" * 200, tools=["calculator"] * 1000) for _ in range(80)
        )
        paged = await all_pages(t.ada, "conversation.list", "conversations", limit=200)
        assert len(paged) > 1
        assert sum(map(len, paged)) == 80


async def test_models_are_listed_in_the_order_of_the_setting_and_the_first_is_the_default() -> None:
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
