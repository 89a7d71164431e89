"""Menus, dialogs and the sidebar, used by keyboard and by pointer."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.pages.browsing import USERNAME, Chat

PHONE = {"width": 375, "height": 720}


@pytest.fixture
def account_button(chat: Chat, page: Page) -> Locator:
    """Returns the button that opens the account menu."""
    return page.get_by_role("button", name=USERNAME)


@pytest.fixture
def menu(page: Page) -> Locator:
    return page.get_by_role("menu", name="Account")


def test_a_menu_works_with_arrow_keys_and_letters_and_returns_focus(
    account_button: Locator, menu: Locator, page: Page
) -> None:
    items = menu.get_by_role("menuitem")
    account_button.press("Enter")
    expect(account_button).to_have_attribute("aria-expanded", "true")
    expect(items.first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(items.last).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(items.first).to_be_focused()
    page.keyboard.press("End")
    expect(items.last).to_be_focused()
    page.keyboard.type("adm")
    expect(menu.get_by_role("menuitem", name="Administration")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(account_button).to_be_focused()
    expect(account_button).to_have_attribute("aria-expanded", "false")
    account_button.press("ArrowUp")
    expect(items.last).to_be_focused()
    page.keyboard.press("Tab")
    expect(menu).to_be_hidden()


def test_a_menu_is_toggled_by_its_button_and_closed_by_a_click_outside(
    account_button: Locator, menu: Locator, chat: Chat
) -> None:
    account_button.click()
    expect(menu).to_be_visible()
    account_button.click()
    expect(menu).to_be_hidden()
    account_button.click()
    expect(menu).to_be_visible()
    chat.page.mouse.click(800, 300)
    expect(menu).to_be_hidden()


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 400}, PHONE, {"width": 320, "height": 480}])
def test_a_menu_stays_within_the_window(
    viewport: dict[str, int], account_button: Locator, menu: Locator, page: Page
) -> None:
    page.set_viewport_size(viewport)  # type: ignore[arg-type]
    if viewport["width"] < 700:
        page.get_by_role("button", name="Show the list of conversations").click()
    account_button.click()
    box = menu.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["y"] >= 0
    assert box["x"] + box["width"] <= viewport["width"]
    assert box["y"] + box["height"] <= viewport["height"]


def test_a_question_mark_opens_the_keyboard_shortcuts_except_while_typing(chat: Chat, page: Page) -> None:
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    chat.field.press("?")
    expect(chat.field).to_have_value("?")
    expect(keys).to_be_hidden()
    chat.field.blur()
    page.keyboard.press("?")
    expect(keys).to_be_visible()
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()


def test_a_click_outside_a_dialog_closes_it_and_returns_focus(account_button: Locator, menu: Locator) -> None:
    keys = account_button.page.get_by_role("dialog", name="Keyboard shortcuts")
    account_button.click()
    menu.get_by_role("menuitem", name="Keyboard shortcuts").click()
    expect(keys).to_be_visible()
    keys.get_by_text("Send the message").click()
    expect(keys).to_be_visible()
    account_button.page.mouse.click(20, 20)
    expect(keys).to_be_hidden()
    expect(account_button).to_be_focused()


def test_a_slash_focuses_the_composer(chat: Chat, page: Page) -> None:
    chat.field.blur()
    page.keyboard.press("/")
    expect(chat.field).to_be_focused()
    expect(chat.field).to_have_value("")


def test_the_new_chat_shortcut_works_while_typing(chat: Chat, page: Page) -> None:
    chat.ask("Do whales sing?")
    expect(chat.answer).to_contain_text("Whales sing.")
    chat.field.press("Control+Shift+O")
    expect(page.locator("#empty")).to_be_visible()


def test_a_hidden_sidebar_stays_hidden_after_a_reload(chat: Chat, page: Page) -> None:
    sidebar = page.get_by_role("complementary", name="Conversations")
    opener = page.get_by_role("button", name="Show the list of conversations")
    expect(opener).to_be_hidden()
    page.get_by_role("button", name="Hide the list of conversations").click()
    expect(sidebar).to_be_hidden()
    expect(opener).to_be_focused()
    page.reload()
    expect(sidebar).to_be_hidden()
    opener.click()
    expect(sidebar).to_be_visible()
    page.keyboard.press("Control+b")
    expect(sidebar).to_be_hidden()
    page.keyboard.press("Control+b")
    page.reload()
    expect(sidebar).to_be_visible()


def test_a_hidden_sidebar_does_not_show_before_the_scripts_run(chat: Chat, page: Page) -> None:
    page.get_by_role("button", name="Hide the list of conversations").click()
    held: list[Route] = []
    page.route("**/layout*.js", lambda route: held.append(route))
    page.reload(wait_until="commit")
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("#sidebar")).to_be_hidden()
    assert held
    for route in held:
        route.continue_()
    expect(page.get_by_role("button", name="Show the list of conversations")).to_have_attribute(
        "aria-expanded", "false"
    )


def test_on_a_phone_the_sidebar_is_a_drawer(chat: Chat, page: Page) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    sidebar = page.locator("#sidebar")
    expect(sidebar).to_be_hidden()
    page.get_by_role("button", name="Show the list of conversations").click()
    expect(sidebar).to_be_visible()
    page.keyboard.press("Escape")
    expect(sidebar).to_be_hidden()
    page.get_by_role("button", name="Show the list of conversations").click()
    page.set_viewport_size({"width": 1280, "height": 720})
    expect(sidebar).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(page.get_by_role("button", name="Show the list of conversations")).to_be_hidden()
