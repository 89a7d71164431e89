"""The search dialog finds conversations and actions, and opens them by keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.pages.browsing import Chat, WebSocketProxy, wait_until
from tests.pages.sidebar import Sidebar, start_conversation


@pytest.fixture
def search(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Search")


@pytest.fixture
def field(search: Locator) -> Locator:
    return search.get_by_role("combobox")


def test_the_shortcut_opens_the_search_while_typing_and_lists_the_newest_first(
    chat: Chat, page: Page, search: Locator, field: Locator
) -> None:
    title = start_conversation(chat)
    chat.field.press("Control+k")
    expect(field).to_be_focused()
    first = search.get_by_role("option").first
    expect(first).to_contain_text(title)
    expect(first).to_have_attribute("aria-selected", "true")
    expect(search).to_contain_text("Recent")
    page.keyboard.press("Escape")
    expect(search).to_be_hidden()
    expect(chat.field).to_be_focused()


def test_a_query_finds_titles_and_enter_opens_the_selected_one(
    chat: Chat, page: Page, search: Locator, field: Locator
) -> None:
    title = start_conversation(chat, "Narwhals")
    address = page.url
    page.keyboard.press("Control+Shift+O")
    expect(page.locator("#empty")).to_be_visible()
    page.keyboard.press("Control+k")
    field.fill(title.upper())
    found = search.get_by_role("option")
    expect(found).to_have_count(1)
    expect(found.locator("mark")).to_have_text(title)
    expect(search.get_by_role("status")).to_have_text("1 found")
    field.press("Enter")
    expect(page).to_have_url(address)


def test_arrow_keys_select_a_result_and_announce_it(chat: Chat, page: Page, search: Locator, field: Locator) -> None:
    start_conversation(chat)
    page.keyboard.press("Control+k")
    options = search.get_by_role("option")
    expect(options.first).to_have_attribute("id", re.compile("^result-"))
    for key, index in (("ArrowDown", 1), ("ArrowUp", 0), ("ArrowUp", -1), ("ArrowDown", 0)):
        field.press(key)
        chosen = options.nth(index)
        expect(chosen).to_have_attribute("aria-selected", "true")
        expect(field).to_have_attribute("aria-activedescendant", str(chosen.get_attribute("id")))
        expect(search.locator('[aria-selected="true"]')).to_have_count(1)


def test_actions_are_found_like_conversations(chat: Chat, page: Page, search: Locator, field: Locator) -> None:
    page.keyboard.press("Control+k")
    field.fill("shortcuts key")
    expect(search.get_by_role("option")).to_have_count(1)
    field.press("Enter")
    expect(search).to_be_hidden()
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    field.fill("new proj")
    field.press("Enter")
    expect(page).to_have_url(re.compile("/projects/new/$"))


def test_a_query_without_results_says_so(chat: Chat, page: Page, search: Locator, field: Locator) -> None:
    page.keyboard.press("Control+k")
    field.fill("<b>zebra crossing</b>")
    expect(search).to_contain_text("No results for “<b>zebra crossing</b>”.")
    expect(search.get_by_role("option")).to_have_count(0)
    field.press("Enter")
    expect(search).to_be_visible()
    field.fill("")
    expect(search.get_by_role("option", name="New chat")).to_be_visible()


def test_enter_does_not_open_the_results_of_an_earlier_query(
    websocket: WebSocketProxy, chat: Chat, page: Page, field: Locator
) -> None:
    title = start_conversation(chat)
    address = page.url
    page.goto("/")
    start_conversation(chat)
    websocket.hold_responses_to("conversation.list")
    websocket.requests.clear()
    page.keyboard.press("Control+k")
    wait_until(page, lambda: any(request["method"] == "conversation.list" for request in websocket.requests))
    field.fill(title)
    websocket.release_responses()
    field.press("Enter")
    expect(page).to_have_url(address)


def test_archived_conversations_are_found(chat: Chat, page: Page, search: Locator, field: Locator) -> None:
    title = start_conversation(chat)
    Sidebar(page).choose_action(title, "Archive")
    page.keyboard.press("Control+k")
    field.fill(title)
    expect(search.get_by_role("option")).to_contain_text("Archive")


def test_actions_can_be_found_offline(
    websocket: WebSocketProxy, chat: Chat, page: Page, search: Locator, field: Locator
) -> None:
    start_conversation(chat)
    websocket.go_offline()
    page.keyboard.press("Control+k")
    expect(search).to_contain_text("No connection: only actions can be found right now.")
    expect(search.get_by_role("option", name="New chat")).to_be_visible()


def test_on_a_phone_the_search_opens_from_the_drawer(chat: Chat, page: Page, search: Locator, field: Locator) -> None:
    page.set_viewport_size({"width": 320, "height": 480})
    page.get_by_role("button", name="Show the list of conversations").click()
    page.get_by_role("button", name="Search").click()
    expect(field).to_be_focused()
    box = search.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 320
    assert box["y"] + box["height"] <= 480


def test_enter_right_after_typing_opens_the_matching_conversation(
    chat: Chat, page: Page, search: Locator, field: Locator
) -> None:
    title = start_conversation(chat, "Belugas")
    address = page.url
    page.keyboard.press("Control+Shift+O")
    expect(page.locator("#empty")).to_be_visible()
    start_conversation(chat, "Orcas")
    page.keyboard.press("Control+k")
    expect(search.get_by_role("option").first).to_contain_text("Orcas")
    field.fill(title)
    field.press("Enter")
    expect(page).to_have_url(address)
