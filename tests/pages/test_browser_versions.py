"""Branches: versions of questions and answers, and switching between them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.modelserver import Gate, answer, done, finish, text, usage, wait_for
from tests.pages.browsing import Chat, ScriptedModel, record_browser_errors

LONG = "\n\n".join(f"paragraph {number}" for number in range(40))


@pytest.fixture
def second_tab(context: BrowserContext) -> Iterator[Chat]:
    """Returns the chat in another tab of the same user."""
    page = context.new_page()
    browser_errors = record_browser_errors(page)
    yield Chat(page)
    assert browser_errors == []


@pytest.fixture
def two_versions(chat: Chat, model: ScriptedModel) -> Chat:
    """Returns a conversation whose first answer has a version with a follow-up and a version without."""
    chat.ask("Do whales sing?")
    chat.wait_for_answer("Whales sing.")
    model.reply = answer("At night too.")
    chat.ask("At night?")
    expect(chat.answers).to_have_count(2)
    chat.wait_for_answer("At night too.")
    model.reply = answer("They do.")
    chat.answers.first.hover()
    chat.action("Answer again", chat.answers.first).click()
    expect(chat.answers).to_have_count(1)
    chat.wait_for_answer("They do.")
    return chat


def test_switching_versions_shows_the_messages_that_follow_the_version(two_versions: Chat, page: Page) -> None:
    chat = two_versions
    expect(chat.version).to_have_text("2/2")
    expect(chat.action("Next version")).to_be_disabled()
    chat.action("Previous version").click()
    expect(chat.questions).to_have_text(["Do whales sing?", "At night?"])
    expect(chat.answers.first).to_contain_text("Whales sing.")
    expect(chat.answers.first.locator('[data-part="version"]')).to_have_text("1/2")
    page.reload()
    expect(chat.questions).to_have_text(["Do whales sing?", "At night?"])


def test_versions_can_be_switched_back_and_forth_by_keyboard(two_versions: Chat, page: Page) -> None:
    chat = two_versions
    chat.action("Previous version").focus()
    page.keyboard.press("Enter")
    expect(chat.answers).to_have_count(2)
    expect(chat.action("Next version", chat.answers.first)).to_be_focused()
    page.keyboard.press("Enter")
    expect(chat.answers).to_have_count(1)
    expect(chat.action("Previous version")).to_be_focused()


def test_switching_versions_updates_other_tabs(two_versions: Chat, page: Page, second_tab: Chat) -> None:
    second_tab.page.goto(page.url)
    expect(second_tab.answer).to_contain_text("They do.")
    two_versions.action("Previous version").click()
    expect(second_tab.questions).to_have_text(["Do whales sing?", "At night?"])
    second_tab.answers.first.hover()
    second_tab.action("Next version", second_tab.answers.first).click()
    expect(two_versions.answers).to_have_count(1)
    expect(two_versions.answer).to_contain_text("They do.")


def test_switching_versions_keeps_the_switch_in_place(chat: Chat, page: Page, model: ScriptedModel) -> None:
    model.reply = answer(LONG)
    chat.ask("Write much")
    chat.wait_for_answer("paragraph 39")
    model.reply = answer(f"{LONG}\n\nAnd even more.")
    chat.action("Answer again").click()
    chat.wait_for_answer("And even more.")
    switch = chat.answer.locator('[data-part="versions"]')
    before = switch.bounding_box()
    assert before
    chat.action("Previous version").click()
    expect(chat.version).to_have_text("1/2")
    after = switch.bounding_box()
    assert after
    assert abs(after["y"] - before["y"]) <= 1


def test_a_run_continues_while_another_version_is_shown(
    chat: Chat, page: Page, second_tab: Chat, model: ScriptedModel
) -> None:
    chat.ask("Do whales sing?")
    chat.wait_for_answer("Whales sing.")
    gate, end = Gate(), Gate()
    model.reply = [text("They "), wait_for(gate), text("do "), wait_for(end), text("so."), finish(), usage(), done()]
    chat.action("Answer again").click()
    expect(chat.steps("text")).to_have_text("They ")
    expect(chat.version).to_have_text("2/2")

    chat.action("Previous version").click()
    expect(chat.answer).to_contain_text("Whales sing.")
    expect(chat.answers).to_have_count(1)
    expect(chat.stop).to_be_visible()
    gate.open()
    second_tab.page.goto(page.url)
    expect(second_tab.answer).to_contain_text("Whales sing.")
    expect(second_tab.stop).to_be_visible()

    second_tab.action("Next version").click()
    for tab in (chat, second_tab):
        expect(tab.steps("text")).to_have_text("They do ")
        expect(tab.version).to_have_text("2/2")
    chat.action("Previous version").click()
    expect(chat.answer).to_contain_text("Whales sing.")
    expect(second_tab.answer).to_contain_text("Whales sing.")
    end.open()
    expect(chat.stop).to_be_hidden()
    expect(chat.answer).to_contain_text("Whales sing.")
    chat.action("Next version").click()
    chat.wait_for_answer("They do so.")


def test_switching_versions_keeps_the_messages_before_the_branch(two_versions: Chat, page: Page) -> None:
    chat = two_versions
    question = chat.questions.first.element_handle()
    assert question
    chat.action("Previous version").click()
    expect(chat.answers).to_have_count(2)
    assert question.evaluate("one => one.isConnected")
