"""The search: conversations and actions, found and opened by keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.pages.browsing import Chat, Wire, wait_until
from tests.pages.column import Column, begin


@pytest.fixture
def search(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Search")


@pytest.fixture
def field(search: Locator) -> Locator:
    return search.get_by_role("combobox")


def test_a_key_opens_it_also_while_one_types_and_the_newest_come_first(
    chat: Chat, page: Page, search: Locator, field: Locator
) -> None:
    title = begin(chat)
    chat.field.press("Control+k")
    expect(field).to_be_focused()
    first = search.get_by_role("option").first
    expect(first).to_contain_text(title)
    expect(first).to_have_attribute("aria-selected", "true")
    expect(search).to_contain_text("Recent")
    page.keyboard.press("Escape")
    expect(search).to_be_hidden()
    expect(chat.field).to_be_focused()


def test_what_is_typed_finds_titles_and_enter_opens_the_chosen_one(
    chat: Chat, page: Page, search: Locator, field: Locator
) -> None:
    title = begin(chat, "Narwhals")
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


def test_arrow_keys_choose_and_say_what_is_chosen(chat: Chat, page: Page, search: Locator, field: Locator) -> None:
    begin(chat)
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


def test_nothing_found_is_said(chat: Chat, page: Page, search: Locator, field: Locator) -> None:
    page.keyboard.press("Control+k")
    field.fill("<b>zebra crossing</b>")
    expect(search).to_contain_text("No results for “<b>zebra crossing</b>”.")
    expect(search.get_by_role("option")).to_have_count(0)
    field.press("Enter")
    expect(search).to_be_visible()
    field.fill("")
    expect(search.get_by_role("option", name="New chat")).to_be_visible()


def test_what_was_asked_for_before_one_typed_is_not_what_enter_opens(
    wire: Wire, chat: Chat, page: Page, field: Locator
) -> None:
    title = begin(chat)
    address = page.url
    page.goto("/")
    begin(chat)
    wire.hold_answers_to("conversation.list")
    wire.sent.clear()
    page.keyboard.press("Control+k")
    wait_until(page, lambda: any(request["method"] == "conversation.list" for request in wire.sent))
    field.fill(title)
    wire.release()
    field.press("Enter")
    expect(page).to_have_url(address)


def test_archived_ones_are_found_too(chat: Chat, page: Page, search: Locator, field: Locator) -> None:
    title = begin(chat)
    Column(page).choose(title, "Archive")
    page.keyboard.press("Control+k")
    field.fill(title)
    expect(search.get_by_role("option")).to_contain_text("Archive")


def test_without_a_connection_actions_remain(
    wire: Wire, chat: Chat, page: Page, search: Locator, field: Locator
) -> None:
    begin(chat)
    wire.cut()
    page.keyboard.press("Control+k")
    expect(search).to_contain_text("No connection: only actions can be found right now.")
    expect(search.get_by_role("option", name="New chat")).to_be_visible()


def test_on_a_phone_it_is_opened_from_the_drawer(chat: Chat, page: Page, search: Locator, field: Locator) -> None:
    page.set_viewport_size({"width": 320, "height": 480})
    page.get_by_role("button", name="Show the list of conversations").click()
    page.get_by_role("button", name="Search").click()
    expect(field).to_be_focused()
    box = search.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 320
    assert box["y"] + box["height"] <= 480


def test_enter_opens_what_is_found_however_fast_it_was_typed(
    chat: Chat, page: Page, search: Locator, field: Locator
) -> None:
    title = begin(chat, "Belugas")
    address = page.url
    page.keyboard.press("Control+Shift+O")
    expect(page.locator("#empty")).to_be_visible()
    begin(chat, "Orcas")
    page.keyboard.press("Control+k")
    expect(search.get_by_role("option").first).to_contain_text("Orcas")
    field.fill(title)
    field.press("Enter")
    expect(page).to_have_url(address)
