"""A conversation of a thousand messages opens at its newest page and loads older ones without shifting."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.modelserver import Gate, done, finish, text, usage, wait_for
from tests.pages.browsing import Chat, ScriptedModel, wait_until
from tests.pages.seeding import add_exchanges

SCROLLER = "document.getElementById('scroller')"
IN_VIEW = """
() => {
  const top = document.getElementById("scroller").getBoundingClientRect().top;
  const messages = [...document.querySelectorAll("[data-message]")];
  const message = messages.find((one) => one.getBoundingClientRect().bottom > top + 50);
  return { id: message.dataset.message, top: message.getBoundingClientRect().top };
}
"""
"""Returns the ID and the top of the first message in view."""


@pytest.fixture
def long_chat(chat: Chat, page: Page, database_path: Path) -> Chat:
    chat.ask("Do whales sing?")
    chat.wait_for_answer("Whales sing.")
    add_exchanges(database_path, page.url.split("/")[-2], exchanges=499)
    page.reload()
    return chat


def test_a_long_conversation_opens_at_the_end_of_its_newest_page(long_chat: Chat, page: Page) -> None:
    expect(long_chat.questions).to_have_count(10)
    expect(long_chat.questions.last).to_have_text("question 498.")
    expect(long_chat.answer).to_be_in_viewport()
    expect(long_chat.field).to_be_focused()


def test_loading_older_messages_does_not_shift_what_the_reader_sees(long_chat: Chat, page: Page) -> None:
    expect(long_chat.answer).to_be_in_viewport()
    page.locator("#scroller").hover()
    page.mouse.wheel(0, -300)
    wait_until(page, f"{SCROLLER}.scrollHeight - {SCROLLER}.scrollTop - {SCROLLER}.clientHeight > 290")
    page.wait_for_timeout(200)
    for turn in range(25):
        before = page.evaluate(IN_VIEW)
        page.mouse.wheel(0, -400)
        place = f"document.querySelector('[data-message=\"{before['id']}\"]').getBoundingClientRect().top"
        wait_until(page, f"{place} - {before['top']} > 0")
        page.wait_for_timeout(300)
        assert abs(page.evaluate(place) - before["top"] - 400) <= 2, turn


def test_a_streaming_answer_stays_in_view_after_a_thousand_messages(
    long_chat: Chat, page: Page, model: ScriptedModel
) -> None:
    gate = Gate()
    model.reply = [
        *(text(f"line {n}\n\n") for n in range(60)),
        wait_for(gate),
        text("The end."),
        finish(),
        usage(),
        done(),
    ]
    long_chat.ask("And then?")
    expect(long_chat.steps("text").last).to_contain_text("line 59")
    wait_until(page, f"{SCROLLER}.scrollHeight - {SCROLLER}.scrollTop - {SCROLLER}.clientHeight <= 2")
    gate.open()
    long_chat.wait_for_answer("The end.")
    wait_until(page, f"{SCROLLER}.scrollHeight - {SCROLLER}.scrollTop - {SCROLLER}.clientHeight <= 2")
