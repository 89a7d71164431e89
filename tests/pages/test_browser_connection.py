"""Several tabs, a lost connection, and a session that ended elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, StorageState, expect

from tests.modelserver import Gate, Part, Reply, calls, done, finish, text, thinking, tool_call, usage, wait_for
from tests.pages.browsing import PASSWORD, USERNAME, Chat, ScriptedModel, WebSocketProxy, record_browser_errors


@pytest.fixture
def second_tab(context: BrowserContext) -> Iterator[Chat]:
    """Returns the chat in another tab of the same user."""
    page = context.new_page()
    browser_errors = record_browser_errors(page)
    yield Chat(page)
    assert browser_errors == []


def reply_in_three_parts() -> tuple[list[Gate], Reply]:
    gates = [Gate(), Gate()]
    end: list[Part] = [finish(), usage(), done()]
    return gates, [text("one "), wait_for(gates[0]), text("two "), wait_for(gates[1]), text("three"), *end]


def test_two_tabs_show_the_same_answer_during_and_after_a_run(
    chat: Chat, page: Page, second_tab: Chat, model: ScriptedModel
) -> None:
    gates, model.reply = reply_in_three_parts()
    chat.ask("Count")
    expect(chat.steps("text")).to_have_text("one ")
    second_tab.page.goto(page.url)
    expect(second_tab.steps("text")).to_have_text("one ")
    expect(second_tab.stop).to_be_visible()
    gates[0].open()
    for tab in (chat, second_tab):
        expect(tab.steps("text")).to_have_text("one two ")
    gates[1].open()
    for tab in (chat, second_tab):
        expect(tab.steps("text")).to_have_text("one two three")
        expect(tab.answer.locator(".message-footer")).to_contain_text("tokens")
    assert chat.answer.inner_html() == second_tab.answer.inner_html()


def test_a_question_from_one_tab_appears_in_the_other(chat: Chat, page: Page, second_tab: Chat) -> None:
    chat.ask("Do whales sing?")
    expect(chat.answer).to_have_attribute("data-status", "complete")
    second_tab.page.goto(page.url)
    expect(second_tab.answer).to_contain_text("Whales sing.")
    second_tab.ask("At night?")
    expect(chat.questions).to_have_text(["Do whales sing?", "At night?"])
    expect(chat.answers).to_have_count(2)
    expect(chat.answer).to_contain_text("Whales sing.")


def test_stopping_in_one_tab_stops_the_answer_in_the_other(
    chat: Chat, page: Page, second_tab: Chat, model: ScriptedModel
) -> None:
    model.reply = [text("Once upon"), wait_for(Gate())]
    chat.ask("Tell me a story")
    expect(chat.steps("text")).to_have_text("Once upon")
    second_tab.page.goto(page.url)
    second_tab.stop.click()
    expect(chat.answer).to_contain_text("You stopped this answer.")
    expect(chat.send).to_be_visible()


def test_closing_the_page_does_not_end_the_answer(
    chat: Chat, page: Page, second_tab: Chat, model: ScriptedModel
) -> None:
    gates, model.reply = reply_in_three_parts()
    chat.ask("Count")
    expect(chat.steps("text")).to_have_text("one ")
    address = page.url
    page.close()
    gates[0].open()
    gates[1].open()
    second_tab.page.goto(address)
    expect(second_tab.steps("text")).to_have_text("one two three")
    expect(second_tab.answer).to_have_attribute("data-status", "complete")


@pytest.fixture
def proxied_chat(model: ScriptedModel, page: Page, websocket: WebSocketProxy, browser_errors: list[str]) -> Chat:
    """Returns a new chat whose connection a test can close."""
    page.goto("/")
    return Chat(page)


def test_after_reconnecting_a_tab_shows_every_missed_step_once(
    proxied_chat: Chat, websocket: WebSocketProxy, model: ScriptedModel
) -> None:
    gates, model.reply = reply_in_three_parts()
    proxied_chat.ask("Count")
    expect(proxied_chat.steps("text")).to_have_text("one ")
    websocket.go_offline()
    gates[0].open()
    expect(proxied_chat.connection_bar).to_have_text("No connection. Trying again…")
    websocket.go_online()
    expect(proxied_chat.steps("text")).to_have_text("one two ")
    expect(proxied_chat.connection_bar).to_be_hidden()
    websocket.drop_connections()
    gates[1].open()
    expect(proxied_chat.steps("text")).to_have_text("one two three")
    expect(proxied_chat.answer).to_have_attribute("data-status", "complete")
    expect(proxied_chat.questions).to_have_count(1)


def test_an_answer_that_ended_during_a_disconnection_appears_after_reconnecting(
    proxied_chat: Chat, page: Page, websocket: WebSocketProxy, model: ScriptedModel
) -> None:
    gates, model.reply = reply_in_three_parts()
    proxied_chat.ask("Count")
    expect(proxied_chat.steps("text")).to_have_text("one ")
    websocket.go_offline()
    gates[0].open()
    gates[1].open()
    expect(proxied_chat.connection_bar).to_be_visible()
    websocket.go_online()
    expect(proxied_chat.steps("text")).to_have_text("one two three")
    expect(proxied_chat.answer).to_have_attribute("data-status", "complete")
    expect(proxied_chat.send).to_be_visible()


def test_an_exchange_from_another_tab_that_was_missed_appears_after_reconnecting(
    proxied_chat: Chat, page: Page, websocket: WebSocketProxy, second_tab: Chat
) -> None:
    proxied_chat.ask("Do whales sing?")
    expect(proxied_chat.answer).to_have_attribute("data-status", "complete")
    websocket.go_offline()
    second_tab.page.goto(page.url)
    second_tab.ask("At night?")
    expect(second_tab.answers).to_have_count(2)
    expect(second_tab.answer).to_have_attribute("data-status", "complete")
    websocket.go_online()
    expect(proxied_chat.questions).to_have_text(["Do whales sing?", "At night?"])
    expect(proxied_chat.answer).to_contain_text("Whales sing.")


def test_steps_are_not_duplicated_after_reconnecting(
    proxied_chat: Chat, websocket: WebSocketProxy, model: ScriptedModel
) -> None:
    gate = Gate()
    replies = iter(
        [
            calls(thinking("Hmm."), tool_call("calculator", {"expression": "6*7"})),
            [text("It is"), wait_for(gate), text(" 42."), finish(), usage(), done()],
        ]
    )
    model.reply = lambda request: next(replies)
    proxied_chat.ask("What is 6*7?")
    expect(proxied_chat.steps("text")).to_have_text("It is")
    websocket.drop_connections()
    gate.open()
    expect(proxied_chat.steps("text")).to_have_text("It is 42.")
    for kind in ("thinking", "tool_call", "text"):
        expect(proxied_chat.steps(kind)).to_have_count(1)
    expect(proxied_chat.steps("thinking").locator('[data-part="content"]')).to_have_text("Hmm.")


def test_steps_reset_removes_steps_and_new_ones_replace_them(
    proxied_chat: Chat, page: Page, websocket: WebSocketProxy, model: ScriptedModel
) -> None:
    model.reply = [thinking("Hmm."), text("It is"), wait_for(Gate())]
    proxied_chat.ask("What is it?")
    expect(proxied_chat.steps("text")).to_have_text("It is")
    run = page.request.get(page.url).text().split('data-run="')[1].split('"')[0]
    websocket.notify("steps_reset", run_id=run, index=1)
    expect(proxied_chat.steps("text")).to_have_count(0)
    expect(proxied_chat.steps("thinking")).to_have_count(1)
    websocket.notify("process_step", run_id=run, id="step-1", index=1, type="thinking", content="Again", duration=None)
    websocket.notify("step_delta", run_id=run, id="step-1", text=", then.")
    expect(proxied_chat.steps("thinking").last).to_contain_text("Again, then.")
    proxied_chat.stop.click()
    expect(proxied_chat.send).to_be_visible()


def test_a_conversation_deleted_elsewhere_redirects_to_a_new_chat(
    proxied_chat: Chat, page: Page, websocket: WebSocketProxy, site: str
) -> None:
    proxied_chat.ask("Do whales sing?")
    expect(proxied_chat.answer).to_have_attribute("data-status", "complete")
    websocket.notify("conversation_deleted", conversation_id=page.url.split("/")[-2])
    expect(page).to_have_url(site)


def test_the_back_button_returns_to_the_previous_page(chat: Chat, page: Page) -> None:
    chat.ask("Do whales sing?")
    expect(chat.answer).to_have_attribute("data-status", "complete")
    page.go_back()
    expect(page.locator("#empty")).to_be_visible()
    page.go_forward()
    expect(chat.answer).to_contain_text("Whales sing.")


def test_going_forward_before_the_scripts_have_loaded_opens_the_addressed_page(chat: Chat, page: Page) -> None:
    chat.ask("Do whales sing?")
    expect(chat.answer).to_have_attribute("data-status", "complete")
    script, held = re.compile(r"/chat\.[^/]*js$"), list[Route]()

    def hold(route: Route) -> None:
        held.append(route)

    page.route(script, hold)
    page.go_back()
    expect(page.locator("#empty")).to_be_visible()
    page.wait_for_function("() => !document.querySelector('.message')")
    page.go_forward(wait_until="commit")
    assert held
    page.unroute(script)  # which releases the held request
    expect(chat.answer).to_contain_text("Whales sing.")


def test_a_session_that_ended_elsewhere_redirects_to_sign_in_and_back(
    browser: Browser, model: ScriptedModel, site: str, signed_in_state: StorageState
) -> None:
    with browser.new_context(base_url=site) as context:
        page, other = context.new_page(), context.new_page()
        sign_in(page)
        chat = Chat(page)
        chat.ask("Do whales sing?")
        expect(chat.answer).to_have_attribute("data-status", "complete")
        conversation = page.url
        other.goto("/")
        other.get_by_role("button", name=USERNAME).click()
        other.get_by_role("menuitem", name="Sign out").click()
        expect(page).to_have_url(re.compile("/sign-in/"))
        page.bring_to_front()
        sign_in(page)
        expect(page).to_have_url(conversation)


def sign_in(page: Page) -> None:
    if "/sign-in/" not in page.url:
        page.goto("/sign-in/")
    page.get_by_label("Username").fill(USERNAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Message", exact=True).wait_for()
    page.wait_for_load_state("load")
