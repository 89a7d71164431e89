"""The list of conversations: what can be done from it, and how it stays as the server has it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.modelserver import Gate, text, wait_for
from tests.pages.browsing import Chat, ScriptedModel, Wire, listen_for_complaints
from tests.pages.column import Column, begin


@pytest.fixture
def column(page: Page) -> Column:
    return Column(page)


@pytest.fixture
def other(context: BrowserContext, chat: Chat) -> Iterator[Column]:
    """The column of another tab, which shows a new chat."""
    page = context.new_page()
    complaints = listen_for_complaints(page)
    page.goto("/")
    yield Column(page)
    assert complaints == []


def test_a_title_is_edited_in_place_and_updated_in_every_tab(chat: Chat, column: Column, other: Column) -> None:
    title = begin(chat)
    other.choose(title, "Rename")
    field = other.list.get_by_role("textbox", name="Title")
    expect(field).to_be_focused()
    expect(field).to_have_value(title)
    field.fill(f"Renamed {title}")
    field.press("Enter")
    expect(field).to_have_count(0)
    expect(other.item(f"Renamed {title}").locator("a")).to_be_focused()
    expect(column.item(f"Renamed {title}")).to_have_count(1)
    expect(chat.page.get_by_role("heading", level=1)).to_have_text(f"Renamed {title}")
    other.page.reload()
    expect(other.item(f"Renamed {title}")).to_have_count(1)


@pytest.mark.parametrize("way", ["Escape", "nothing"])
def test_escape_or_a_blank_title_keeps_the_old_title(way: str, chat: Chat, column: Column) -> None:
    title = begin(chat)
    link = column.item(title).locator("a")
    link.press("F2")
    field = column.list.get_by_role("textbox", name="Title")
    field.fill("Something else" if way == "Escape" else "  ")
    field.press("Escape" if way == "Escape" else "Enter")
    expect(field).to_have_count(0)
    expect(link).to_have_text(title)
    expect(link).to_be_focused()


def test_leaving_the_field_saves_the_title(chat: Chat, column: Column) -> None:
    title = begin(chat)
    column.choose(title, "Rename")
    column.list.get_by_role("textbox", name="Title").fill(f"Left {title}")
    chat.field.click()
    expect(column.item(f"Left {title}")).to_have_count(1)
    chat.page.reload()
    expect(column.item(f"Left {title}")).to_have_count(1)


def test_a_title_typed_offline_stays_in_the_field(wire: Wire, chat: Chat, column: Column) -> None:
    title = begin(chat)
    wire.cut()
    column.choose(title, "Rename")
    field = column.list.get_by_role("textbox", name="Title")
    field.fill("Typed without a connection")
    field.press("Enter")
    expect(chat.page.get_by_text("No connection: nothing was changed.")).to_be_visible()
    expect(field).to_have_value("Typed without a connection")


def test_html_in_a_title_is_shown_as_text(chat: Chat, column: Column) -> None:
    title = begin(chat)
    column.choose(title, "Rename")
    field = column.list.get_by_role("textbox", name="Title")
    field.fill(f"<img src=x onerror=alert(1)> {title}")
    field.press("Enter")
    expect(column.item(title).locator("a")).to_have_text(f"<img src=x onerror=alert(1)> {title}")
    expect(column.list.locator("img")).to_have_count(0)


def test_pinning_and_unpinning_moves_a_conversation_in_every_tab(chat: Chat, column: Column, other: Column) -> None:
    title = begin(chat)
    expect(column.heading_of(title)).to_have_text("Today")
    column.choose(title, "Pin")
    for one in (column, other):
        expect(one.heading_of(title)).to_have_text("Pinned")
        expect(one.list.locator("h2").first).to_have_text("Pinned")
    other.page.reload()
    expect(other.heading_of(title)).to_have_text("Pinned")
    other.choose(title, "Unpin")
    for one in (column, other):
        expect(one.heading_of(title)).to_have_text("Today")


def test_an_archived_conversation_leaves_the_list_and_can_be_restored(
    chat: Chat, column: Column, other: Column
) -> None:
    title = begin(chat)
    column.choose(title, "Archive")
    for one in (column, other):
        expect(one.item(title)).to_have_count(0)
    column.toast.get_by_role("button", name="Undo").click()
    for one in (column, other):
        expect(one.item(title)).to_have_count(1)
    column.choose(title, "Archive")
    expect(column.item(title)).to_have_count(0)

    other.page.bring_to_front()
    other.page.goto("/archived/")
    archive = other.page.get_by_role("main")
    kept = archive.locator(".conversation").filter(has_text=title)
    kept.hover()
    kept.get_by_role("button").click()
    other.menu.get_by_role("menuitem", name="Unarchive").click()
    expect(kept).to_have_count(0)
    for one in (column, other):
        expect(one.item(title)).to_have_count(1)


def test_deleting_a_conversation_asks_for_confirmation(chat: Chat, column: Column, other: Column) -> None:
    title = begin(chat)
    address = chat.page.url
    dialog = other.page.get_by_role("dialog", name="Delete this conversation?")
    other.choose(title, "Delete…")
    expect(dialog).to_contain_text(title)
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    expect(other.item(title)).to_have_count(1)

    other.item(title).locator("a").press("Delete")
    dialog.get_by_role("button", name="Delete").click()
    for one in (column, other):
        expect(one.item(title)).to_have_count(0)
    expect(chat.page).to_have_url(re.compile(r"/$"))
    expect(chat.page).not_to_have_url(address)


def test_a_conversation_menu_returns_focus_to_its_button(chat: Chat, column: Column) -> None:
    title = begin(chat)
    button = column.item(title).get_by_role("button")
    button.focus()
    button.press("Enter")
    expect(column.menu.get_by_role("menuitem", name="Rename")).to_be_focused()
    expect(column.page.get_by_role("menu", name=f"Options for “{title}”")).to_be_visible()
    column.page.keyboard.press("Escape")
    expect(button).to_be_focused()


def test_arrow_keys_move_through_the_list(chat: Chat, column: Column) -> None:
    begin(chat)
    chat.page.keyboard.press("Control+Shift+O")
    begin(chat)
    links = column.list.locator(".conversation > a")
    links.first.press("ArrowDown")
    expect(links.nth(1)).to_be_focused()
    links.nth(1).press("ArrowUp")
    expect(links.first).to_be_focused()


def test_a_dot_marks_conversations_with_a_live_run(
    chat: Chat, column: Column, other: Column, model: ScriptedModel
) -> None:
    gate = Gate()
    model.reply = [text("Whales"), wait_for(gate)]
    title = "whales that take their time"
    chat.ask(title)
    for one in (column, other):
        expect(one.item(title).get_by_label("is being answered")).to_be_visible()
    other.page.reload()
    expect(other.item(title).get_by_label("is being answered")).to_be_visible()
    gate.open()
    for one in (column, other):
        expect(one.item(title).get_by_label("is being answered")).to_be_hidden()


def test_changes_made_while_offline_appear_after_reconnecting(
    wire: Wire, chat: Chat, column: Column, other: Column
) -> None:
    deleted, archived, pinned, renamed = (begin(chat), *(_begin_anew(chat) for _ in range(3)))
    wire.cut()
    other.item(deleted).locator("a").press("Delete")
    other.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    other.choose(archived, "Archive")
    other.choose(pinned, "Pin")
    other.item(renamed).locator("a").press("F2")
    other.list.get_by_role("textbox", name="Title").fill(f"New {renamed}")
    other.page.keyboard.press("Enter")
    expect(other.item(f"New {renamed}")).to_have_count(1)
    expect(other.heading_of(pinned)).to_have_text("Pinned")
    expect(column.item(deleted)).to_have_count(1)
    wire.mend()
    expect(column.item(f"New {renamed}")).to_have_count(1, timeout=20_000)
    expect(column.heading_of(pinned)).to_have_text("Pinned")
    expect(column.item(deleted)).to_have_count(0)
    expect(column.item(archived)).to_have_count(0)
    other.choose(pinned, "Unpin")
    expect(column.heading_of(pinned)).to_have_text("Today")


def _begin_anew(chat: Chat) -> str:
    chat.page.keyboard.press("Control+Shift+O")
    expect(chat.page.locator("#empty")).to_be_visible()
    return begin(chat)


def test_on_a_phone_a_menu_opens_above_the_drawer(chat: Chat, column: Column) -> None:
    title = begin(chat)
    chat.page.set_viewport_size({"width": 375, "height": 720})
    chat.page.get_by_role("button", name="Show the list of conversations").click()
    column.choose(title, "Pin")
    expect(column.heading_of(title)).to_have_text("Pinned")
    expect(column.list).to_be_visible()
    column.choose(title, "Unpin")
    expect(column.heading_of(title)).to_have_text("Today")
