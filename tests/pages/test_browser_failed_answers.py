from __future__ import annotations

import re
from collections.abc import Iterator

from playwright.sync_api import Page, expect

from tests.modelserver import Reply, answer, calls, status, tool_call
from tests.pages.browsing import Chat, ScriptedModel


def test_a_failure_shows_a_message_and_retry_replaces_the_answer(chat: Chat, page: Page, model: ScriptedModel) -> None:
    model.reply = status(503)
    chat.ask("Do whales sing?")
    expect(chat.answer.locator(".failure")).to_contain_text("The model's server is not available right now.")
    page.reload()
    expect(chat.answer.locator(".failure")).to_contain_text("The model's server is not available right now.")

    model.reply = answer("They do.")
    chat.answer.get_by_role("button", name="Retry").click()
    expect(chat.answer).to_contain_text("They do.")
    expect(chat.questions).to_have_text(["Do whales sing?"])
    page.reload()
    expect(chat.answers).to_have_count(1)
    expect(chat.answer).to_contain_text("They do.")


def test_retrying_a_later_question_keeps_the_earlier_exchange(chat: Chat, page: Page, model: ScriptedModel) -> None:
    chat.ask("Do whales sing?")
    expect(chat.answer).to_have_attribute("data-status", "complete")
    model.reply = status(503)
    chat.ask("At night?")
    expect(chat.answer.locator(".failure")).to_be_visible()
    model.reply = answer("At night too.")
    chat.answer.get_by_role("button", name="Retry").click()
    expect(chat.answer).to_contain_text("At night too.")
    expect(chat.questions).to_have_text(["Do whales sing?", "At night?"])


def test_retry_is_disabled_until_the_retry_after_time_has_passed(chat: Chat, page: Page, model: ScriptedModel) -> None:
    model.reply = status(429, headers={"Retry-After": "6"})
    chat.ask("Do whales sing?")
    failure = chat.answer.locator(".failure")
    expect(failure.get_by_role("button")).to_have_text("Retry in 5 s")
    expect(failure.get_by_role("button")).to_be_disabled()
    page.reload()
    expect(failure.get_by_role("button")).to_have_text(re.compile(r"Retry in [1-4] s"))
    model.reply = answer("They do.")
    failure.get_by_role("button", name="Retry", exact=True).click()
    expect(chat.steps("text")).to_have_text("They do.")


def test_the_tokens_of_a_failed_answer_are_counted_immediately(chat: Chat, page: Page, model: ScriptedModel) -> None:
    replies: Iterator[Reply] = iter([calls(tool_call("calculator", {"expression": "6*7"})), status(503)])
    model.reply = lambda request: next(replies)
    chat.ask("6*7?")
    expect(chat.answer.locator(".failure")).to_be_visible()
    tokens = page.locator("#conversation-tokens")
    expect(tokens).to_be_visible()
    live = tokens.inner_text()
    page.reload()
    expect(tokens).to_have_text(live)


def test_a_failure_that_is_not_retryable_has_no_retry_button(chat: Chat, model: ScriptedModel) -> None:
    model.reply = status(401)
    chat.ask("Do whales sing?")
    expect(chat.answer.locator(".failure")).to_contain_text("The model's server rejected this server's API key")
    expect(chat.answer.get_by_role("button", name="Retry")).to_be_hidden()


def test_a_refused_message_stays_in_the_field_with_an_error(chat: Chat, page: Page) -> None:
    too_long = "x" * 200_001
    chat.field.fill(too_long)
    chat.send.click()
    expect(page.get_by_role("alert")).to_have_text("This message is too long.")
    expect(chat.field).to_have_value(too_long)
    chat.ask("Do whales sing?")
    expect(chat.answer).to_contain_text("Whales sing.")
    expect(page.locator("#notice")).to_be_hidden()
