"""Creating, using and deleting a project in the browser."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.modelserver import answer, calls, tool_call
from tests.pages.browsing import Chat, ScriptedModel
from tests.pages.sidebar import Sidebar, start_conversation


@pytest.fixture
def name(chat: Chat, page: Page) -> str:
    """Creates a project, opens its page and returns its name."""
    name = f"Whales {secrets.token_hex(4)}"
    page.get_by_role("link", name="Projects").click()
    page.get_by_role("link", name="New project").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Instructions").fill("Sing in every answer.")
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    return name


def test_a_chat_started_in_a_project_belongs_to_it(chat: Chat, page: Page, name: str, model: ScriptedModel) -> None:
    system_prompts: list[str] = []

    def reply(request: object) -> object:
        system_prompts.append(str(request.body["messages"][0]["content"]))  # type: ignore[attr-defined]
        return answer("La la la.")

    model.reply = reply  # type: ignore[assignment]
    page.get_by_role("main").get_by_role("link", name="New chat").click()
    expect(page.locator(".chat-project")).to_have_text(name)
    title = start_conversation(chat)
    assert "Sing in every answer." in system_prompts[0]
    page.reload()
    page.locator(".chat-project").click()
    expect(page.get_by_role("main").locator(".conversation")).to_have_text([title])


def test_a_conversation_can_be_moved_into_a_project_and_out_of_it(chat: Chat, page: Page, name: str) -> None:
    page.keyboard.press("Control+Shift+O")
    title = start_conversation(chat)
    sidebar = Sidebar(page)
    sidebar.choose_action(title, "Move to a project…")
    dialog = page.get_by_role("dialog", name="Move to a project")
    expect(dialog.get_by_role("button", name="No project")).to_be_focused()
    dialog.get_by_role("button", name=name).click()
    expect(dialog).to_be_hidden()

    page.get_by_role("list", name="Projects").get_by_role("link", name=name).click()
    rows = page.get_by_role("main").locator(".conversation")
    expect(rows).to_have_text([title])
    rows.hover()
    rows.get_by_role("button").click()
    sidebar.menu.get_by_role("menuitem", name="Move to a project…").click()
    dialog.get_by_role("button", name="No project").click()
    expect(rows).to_have_count(0)
    expect(page.get_by_text("No conversations yet.")).to_be_visible()
    expect(sidebar.item(title)).to_have_count(1)


def test_files_written_by_a_tool_can_be_downloaded_and_deleted(
    chat: Chat, page: Page, name: str, model: ScriptedModel
) -> None:
    replies = iter([calls(tool_call("write_file", {"path": "song.txt", "content": "la"})), answer("Done.")])
    model.reply = lambda request: next(replies)
    page.get_by_role("main").get_by_role("link", name="New chat").click()
    start_conversation(chat)
    page.locator(".chat-project").click()
    page.get_by_role("link", name="Files").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download song.txt").click()
    assert download.value.suggested_filename == "song.txt"
    assert Path(download.value.path()).read_text() == "la"

    dialog = page.get_by_role("dialog", name="Delete this file?")
    page.get_by_role("button", name="Delete song.txt").click()
    expect(dialog).to_contain_text("song.txt")
    page.keyboard.press("Escape")
    expect(page.get_by_text("song.txt", exact=True).first).to_be_visible()
    page.get_by_role("button", name="Delete song.txt").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No files yet.")).to_be_visible()


def test_deleting_a_project_asks_for_confirmation_and_keeps_its_conversations(
    chat: Chat, page: Page, name: str
) -> None:
    page.get_by_role("main").get_by_role("link", name="New chat").click()
    title = start_conversation(chat)
    page.locator(".chat-project").click()
    page.get_by_role("link", name="Instructions").click()
    dialog = page.get_by_role("dialog", name="Delete this project?")
    page.get_by_role("link", name="Delete the project…").click()
    expect(dialog).to_contain_text(name)
    dialog.get_by_role("link", name="Cancel").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("link", name="Delete the project…").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page).to_have_url(re.compile("/projects/$"))
    expect(page.get_by_text(name)).to_have_count(0)
    expect(Sidebar(page).item(title)).to_have_count(1)


@pytest.mark.parametrize("width", [320, 375, 3840])
def test_project_pages_fit_every_window_width(width: int, chat: Chat, page: Page, name: str) -> None:
    page.set_viewport_size({"width": width, "height": 720})
    for tab in ("Conversations", "Files", "Instructions"):
        page.get_by_role("navigation", name="Project").get_by_role("link", name=tab).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("document.querySelector('main').scrollWidth") <= width
