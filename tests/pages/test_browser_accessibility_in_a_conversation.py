"""Menus, the settings dialog and editing fields of a conversation pass axe-core's accessibility rules."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.modelserver import answer, calls, tool_call
from tests.pages.axe import violations_by_appearance
from tests.pages.browsing import Chat, ScriptedModel

pytestmark = pytest.mark.requires_node


@pytest.fixture
def answered_chat(chat: Chat, page: Page, model: ScriptedModel) -> Chat:
    """Returns a conversation whose answer has a second version."""
    chat.ask("Do whales sing?")
    chat.wait_for_answer("Whales sing.")
    chat.action("Answer again").click()
    expect(chat.version).to_have_text("2/2")
    chat.wait_for_answer("Whales sing.")
    return chat


def test_the_model_menu_is_accessible(answered_chat: Chat, page: Page) -> None:
    page.get_by_role("button", name="Model: test-model").click()
    expect(page.get_by_role("menu", name="Models")).to_be_visible()
    assert violations_by_appearance(page) == {}


def test_the_settings_dialog_with_errors_is_accessible(answered_chat: Chat, page: Page) -> None:
    page.get_by_role("button", name="Settings of this conversation").click()
    page.get_by_label("All tools").uncheck()
    page.get_by_label("Temperature").fill("hot")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_text("Enter a number from 0 to 2.")).to_be_visible()
    assert violations_by_appearance(page) == {}


def test_the_fields_for_editing_rating_and_renaming_are_accessible(answered_chat: Chat, page: Page) -> None:
    answered_chat.action("Bad answer").click()
    expect(page.locator(".comment")).to_be_visible()
    answered_chat.questions.hover()
    page.get_by_role("button", name="Edit your message").click()
    page.get_by_role("heading", level=1).hover()
    page.get_by_role("button", name="Rename this conversation").click()
    assert violations_by_appearance(page) == {}


def test_a_long_text_shown_in_full_is_accessible(chat: Chat, page: Page, model: ScriptedModel) -> None:
    content = "".join(f"line {number}\n" for number in range(4_000))
    replies = iter([calls(tool_call("write_file", {"path": "long.txt", "content": content})), answer("Written.")])
    model.reply = lambda request: next(replies)
    chat.ask("Write much")
    chat.wait_for_answer("Written.")
    chat.steps("tool_call").locator("summary").click()
    more = chat.steps("tool_call").get_by_role("button", name="Show all")
    expect(more).to_be_visible()
    assert violations_by_appearance(page) == {}
    more.click()
    expect(chat.steps("tool_call").locator("pre").first).to_contain_text("line 3999")
    assert violations_by_appearance(page) == {}
