"""The conversation list: its actions, and how it stays in sync with the server."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.modelserver import Gate, text, wait_for
from tests.pages.browsing import Chat, ScriptedModel, WebSocketProxy, record_browser_errors
from tests.pages.sidebar import Sidebar, start_conversation


@pytest.fixture
def sidebar(page: Page) -> Sidebar:
    return Sidebar(page)


@pytest.fixture
def other_sidebar(context: BrowserContext, chat: Chat) -> Iterator[Sidebar]:
    """Returns the sidebar of another tab, which shows a new chat."""
    page = context.new_page()
    browser_errors = record_browser_errors(page)
    page.goto("/")
    yield Sidebar(page)
    assert browser_errors == []


def test_a_title_is_edited_in_place_and_updated_in_every_tab(
    chat: Chat, sidebar: Sidebar, other_sidebar: Sidebar
) -> None:
    title = start_conversation(chat)
    other_sidebar.choose_action(title, "Rename")
    field = other_sidebar.list.get_by_role("textbox", name="Title")
    expect(field).to_be_focused()
    expect(field).to_have_value(title)
    field.fill(f"Renamed {title}")
    field.press("Enter")
    expect(field).to_have_count(0)
    expect(other_sidebar.item(f"Renamed {title}").locator("a")).to_be_focused()
    expect(sidebar.item(f"Renamed {title}")).to_have_count(1)
    expect(chat.page.get_by_role("heading", level=1)).to_have_text(f"Renamed {title}")
    other_sidebar.page.reload()
    expect(other_sidebar.item(f"Renamed {title}")).to_have_count(1)


@pytest.mark.parametrize("way", ["Escape", "nothing"])
def test_escape_or_a_blank_title_keeps_the_old_title(way: str, chat: Chat, sidebar: Sidebar) -> None:
    title = start_conversation(chat)
    link = sidebar.item(title).locator("a")
    link.press("F2")
    field = sidebar.list.get_by_role("textbox", name="Title")
    field.fill("Something else" if way == "Escape" else "  ")
    field.press("Escape" if way == "Escape" else "Enter")
    expect(field).to_have_count(0)
    expect(link).to_have_text(title)
    expect(link).to_be_focused()


def test_leaving_the_field_saves_the_title(chat: Chat, sidebar: Sidebar) -> None:
    title = start_conversation(chat)
    sidebar.choose_action(title, "Rename")
    sidebar.list.get_by_role("textbox", name="Title").fill(f"Left {title}")
    chat.field.click()
    expect(sidebar.item(f"Left {title}")).to_have_count(1)
    chat.page.reload()
    expect(sidebar.item(f"Left {title}")).to_have_count(1)


def test_a_title_typed_offline_stays_in_the_field(websocket: WebSocketProxy, chat: Chat, sidebar: Sidebar) -> None:
    title = start_conversation(chat)
    websocket.go_offline()
    sidebar.choose_action(title, "Rename")
    field = sidebar.list.get_by_role("textbox", name="Title")
    field.fill("Typed without a connection")
    field.press("Enter")
    expect(chat.page.get_by_text("No connection: nothing was changed.")).to_be_visible()
    expect(field).to_have_value("Typed without a connection")


def test_html_in_a_title_is_shown_as_text(chat: Chat, sidebar: Sidebar) -> None:
    title = start_conversation(chat)
    sidebar.choose_action(title, "Rename")
    field = sidebar.list.get_by_role("textbox", name="Title")
    field.fill(f"<img src=x onerror=alert(1)> {title}")
    field.press("Enter")
    expect(sidebar.item(title).locator("a")).to_have_text(f"<img src=x onerror=alert(1)> {title}")
    expect(sidebar.list.locator("img")).to_have_count(0)


def test_pinning_and_unpinning_moves_a_conversation_in_every_tab(
    chat: Chat, sidebar: Sidebar, other_sidebar: Sidebar
) -> None:
    title = start_conversation(chat)
    expect(sidebar.section_heading(title)).to_have_text("Today")
    sidebar.choose_action(title, "Pin")
    for one in (sidebar, other_sidebar):
        expect(one.section_heading(title)).to_have_text("Pinned")
        expect(one.list.locator("h2").first).to_have_text("Pinned")
    other_sidebar.page.reload()
    expect(other_sidebar.section_heading(title)).to_have_text("Pinned")
    other_sidebar.choose_action(title, "Unpin")
    for one in (sidebar, other_sidebar):
        expect(one.section_heading(title)).to_have_text("Today")


def test_an_archived_conversation_leaves_the_list_and_can_be_restored(
    chat: Chat, sidebar: Sidebar, other_sidebar: Sidebar
) -> None:
    title = start_conversation(chat)
    sidebar.choose_action(title, "Archive")
    for one in (sidebar, other_sidebar):
        expect(one.item(title)).to_have_count(0)
    sidebar.toast.get_by_role("button", name="Undo").click()
    for one in (sidebar, other_sidebar):
        expect(one.item(title)).to_have_count(1)
    sidebar.choose_action(title, "Archive")
    expect(sidebar.item(title)).to_have_count(0)

    other_sidebar.page.bring_to_front()
    other_sidebar.page.goto("/archived/")
    archive = other_sidebar.page.get_by_role("main")
    kept = archive.locator(".conversation").filter(has_text=title)
    kept.hover()
    kept.get_by_role("button").click()
    other_sidebar.menu.get_by_role("menuitem", name="Unarchive").click()
    expect(kept).to_have_count(0)
    for one in (sidebar, other_sidebar):
        expect(one.item(title)).to_have_count(1)


def test_deleting_a_conversation_asks_for_confirmation(chat: Chat, sidebar: Sidebar, other_sidebar: Sidebar) -> None:
    title = start_conversation(chat)
    address = chat.page.url
    dialog = other_sidebar.page.get_by_role("dialog", name="Delete this conversation?")
    other_sidebar.choose_action(title, "Delete…")
    expect(dialog).to_contain_text(title)
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    expect(other_sidebar.item(title)).to_have_count(1)

    other_sidebar.item(title).locator("a").press("Delete")
    dialog.get_by_role("button", name="Delete").click()
    for one in (sidebar, other_sidebar):
        expect(one.item(title)).to_have_count(0)
    expect(chat.page).to_have_url(re.compile(r"/$"))
    expect(chat.page).not_to_have_url(address)


def test_a_conversation_menu_returns_focus_to_its_button(chat: Chat, sidebar: Sidebar) -> None:
    title = start_conversation(chat)
    button = sidebar.item(title).get_by_role("button")
    button.focus()
    button.press("Enter")
    expect(sidebar.menu.get_by_role("menuitem", name="Rename")).to_be_focused()
    expect(sidebar.page.get_by_role("menu", name=f"Options for “{title}”")).to_be_visible()
    sidebar.page.keyboard.press("Escape")
    expect(button).to_be_focused()


def test_arrow_keys_move_through_the_list(chat: Chat, sidebar: Sidebar) -> None:
    start_conversation(chat)
    chat.page.keyboard.press("Control+Shift+O")
    start_conversation(chat)
    links = sidebar.list.locator(".conversation > a")
    links.first.press("ArrowDown")
    expect(links.nth(1)).to_be_focused()
    links.nth(1).press("ArrowUp")
    expect(links.first).to_be_focused()


def test_a_dot_marks_conversations_with_a_live_run(
    chat: Chat, sidebar: Sidebar, other_sidebar: Sidebar, model: ScriptedModel
) -> None:
    gate = Gate()
    model.reply = [text("Whales"), wait_for(gate)]
    title = "whales that take their time"
    chat.ask(title)
    for one in (sidebar, other_sidebar):
        expect(one.item(title).get_by_label("is being answered")).to_be_visible()
    other_sidebar.page.reload()
    expect(other_sidebar.item(title).get_by_label("is being answered")).to_be_visible()
    gate.open()
    for one in (sidebar, other_sidebar):
        expect(one.item(title).get_by_label("is being answered")).to_be_hidden()


def test_changes_made_while_offline_appear_after_reconnecting(
    websocket: WebSocketProxy, chat: Chat, sidebar: Sidebar, other_sidebar: Sidebar
) -> None:
    deleted, archived, pinned, renamed = (
        start_conversation(chat),
        *(start_another_conversation(chat) for _ in range(3)),
    )
    websocket.go_offline()
    other_sidebar.item(deleted).locator("a").press("Delete")
    other_sidebar.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    other_sidebar.choose_action(archived, "Archive")
    other_sidebar.choose_action(pinned, "Pin")
    other_sidebar.item(renamed).locator("a").press("F2")
    other_sidebar.list.get_by_role("textbox", name="Title").fill(f"New {renamed}")
    other_sidebar.page.keyboard.press("Enter")
    expect(other_sidebar.item(f"New {renamed}")).to_have_count(1)
    expect(other_sidebar.section_heading(pinned)).to_have_text("Pinned")
    expect(sidebar.item(deleted)).to_have_count(1)
    websocket.go_online()
    expect(sidebar.item(f"New {renamed}")).to_have_count(1, timeout=20_000)
    expect(sidebar.section_heading(pinned)).to_have_text("Pinned")
    expect(sidebar.item(deleted)).to_have_count(0)
    expect(sidebar.item(archived)).to_have_count(0)
    other_sidebar.choose_action(pinned, "Unpin")
    expect(sidebar.section_heading(pinned)).to_have_text("Today")


def start_another_conversation(chat: Chat) -> str:
    chat.page.keyboard.press("Control+Shift+O")
    expect(chat.page.locator("#empty")).to_be_visible()
    return start_conversation(chat)


def test_on_a_phone_a_menu_opens_above_the_drawer(chat: Chat, sidebar: Sidebar) -> None:
    title = start_conversation(chat)
    chat.page.set_viewport_size({"width": 375, "height": 720})
    chat.page.get_by_role("button", name="Show the list of conversations").click()
    sidebar.choose_action(title, "Pin")
    expect(sidebar.section_heading(title)).to_have_text("Pinned")
    expect(sidebar.list).to_be_visible()
    sidebar.choose_action(title, "Unpin")
    expect(sidebar.section_heading(title)).to_have_text("Today")
