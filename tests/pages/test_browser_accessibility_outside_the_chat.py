"""The sidebar with its menus and dialogs, the search and the project pages pass axe-core's accessibility rules."""

from __future__ import annotations

import secrets

import pytest
from playwright.sync_api import Page, expect

from tests.modelserver import answer, calls, tool_call
from tests.pages.axe import violations_by_appearance
from tests.pages.browsing import Chat, ScriptedModel
from tests.pages.sidebar import Sidebar, start_conversation

pytestmark = pytest.mark.requires_node


def test_the_conversation_list_with_its_menu_and_dialogs_is_accessible(chat: Chat, page: Page) -> None:
    title = start_conversation(chat)
    sidebar = Sidebar(page)
    sidebar.item(title).hover()
    sidebar.item(title).get_by_role("button").click()
    expect(sidebar.menu).to_be_visible()
    assert violations_by_appearance(page, screens=["large"]) == {}
    page.keyboard.press("Escape")
    sidebar.item(title).locator("a").press("F2")
    assert violations_by_appearance(page, screens=["large"]) == {}
    page.keyboard.press("Escape")
    sidebar.item(title).locator("a").press("Delete")
    assert violations_by_appearance(page) == {}
    page.keyboard.press("Escape")
    sidebar.choose_action(title, "Move to a project…")
    expect(page.get_by_role("dialog", name="Move to a project")).to_be_visible()
    assert violations_by_appearance(page) == {}
    page.keyboard.press("Escape")
    sidebar.choose_action(title, "Archive")
    expect(sidebar.toast).to_be_visible()
    assert violations_by_appearance(page, screens=["large"]) == {}


def test_the_search_and_keyboard_shortcuts_dialogs_are_accessible(chat: Chat, page: Page) -> None:
    start_conversation(chat)
    search = page.get_by_role("dialog", name="Search")
    page.keyboard.press("Control+k")
    expect(search.get_by_role("option").first).to_contain_text("whales")
    assert violations_by_appearance(page) == {}
    search.get_by_role("combobox").fill("zebra crossing")
    expect(search).to_contain_text("No results for")
    assert violations_by_appearance(page) == {}
    page.keyboard.press("Escape")
    chat.field.blur()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    assert violations_by_appearance(page) == {}


def test_a_page_with_a_hidden_sidebar_is_accessible(chat: Chat, page: Page) -> None:
    page.keyboard.press("Control+b")
    expect(page.locator("#sidebar")).to_be_hidden()
    assert violations_by_appearance(page, screens=["large"]) == {}


def test_the_project_and_archive_pages_are_accessible(chat: Chat, page: Page, model: ScriptedModel) -> None:
    page.goto("/projects/new/")
    page.get_by_label("Name").fill(" ")
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_text("A project needs a name.")).to_be_visible()
    assert violations_by_appearance(page) == {}
    page.get_by_label("Name").fill(f"Whales {secrets.token_hex(4)}")
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_text("No conversations yet.")).to_be_visible()
    assert violations_by_appearance(page) == {}

    replies = iter([calls(tool_call("write_file", {"path": "song.txt", "content": "la"})), answer("Done.")])
    model.reply = lambda request: next(replies)
    page.get_by_role("main").get_by_role("link", name="New chat").click()
    start_conversation(chat)
    page.locator(".chat-project").click()
    expect(page.get_by_role("main").locator(".conversation")).to_have_count(1)
    assert violations_by_appearance(page) == {}
    page.get_by_role("link", name="Files").click()
    assert violations_by_appearance(page) == {}
    page.get_by_role("button", name="Delete song.txt").click()
    assert violations_by_appearance(page) == {}
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Instructions").click()
    assert violations_by_appearance(page) == {}
    page.get_by_role("link", name="Delete the project…").click()
    assert violations_by_appearance(page) == {}
    for address in ("/projects/", "/archived/"):
        page.goto(address)
        assert violations_by_appearance(page) == {}
