"""The composer never loses what the user typed."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.modelserver import Gate, text, wait_for
from tests.pages.browsing import Chat, ScriptedModel, WebSocketProxy


def test_shift_enter_adds_a_line_and_the_field_grows_to_a_maximum_height(chat: Chat, page: Page) -> None:
    initial = chat.field.bounding_box()
    chat.field.press_sequentially("a")
    for _ in range(60):
        chat.field.press("Shift+Enter")
    expect(chat.field).to_have_value("a" + "\n" * 60)
    grown = chat.field.bounding_box()
    viewport = page.viewport_size
    assert initial
    assert grown
    assert viewport
    assert initial["height"] < grown["height"] <= 0.4 * viewport["height"] + 1


def test_enter_that_ends_an_input_method_composition_does_not_send(chat: Chat) -> None:
    chat.field.fill("にほん")
    chat.field.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True, "cancelable": True})
    chat.field.dispatch_event("keydown", {"key": "Enter", "keyCode": 229, "bubbles": True, "cancelable": True})
    expect(chat.field).to_have_value("にほん")
    expect(chat.questions).to_have_count(0)


def test_a_blank_message_is_not_sent(chat: Chat) -> None:
    chat.ask("  \n ")
    expect(chat.send).to_be_disabled()
    expect(chat.questions).to_have_count(0)


def test_each_conversation_keeps_its_own_draft_across_a_reload(chat: Chat, page: Page) -> None:
    chat.ask("Do whales sing?")
    expect(chat.answer).to_have_attribute("data-status", "complete")
    chat.field.fill("about whales")
    page.get_by_role("link", name="New chat").first.click()
    expect(chat.field).to_have_value("")
    chat.field.fill("something new")
    page.reload()
    expect(chat.field).to_have_value("something new")
    page.locator(".conversation a").first.click()
    expect(chat.field).to_have_value("about whales")


def test_during_a_run_the_user_can_type_but_not_send(chat: Chat, model: ScriptedModel) -> None:
    model.reply = [text("Once"), wait_for(Gate())]
    chat.ask("Tell me a story")
    expect(chat.steps("text")).to_have_text("Once")
    chat.ask("Another")
    expect(chat.field).to_have_value("Another")
    expect(chat.questions).to_have_count(1)
    chat.stop.click()
    expect(chat.send).to_be_enabled()
    expect(chat.field).to_have_value("Another")


def test_a_message_whose_acknowledgement_is_lost_is_resent_and_stored_once(
    model: ScriptedModel, page: Page, websocket: WebSocketProxy, browser_errors: list[str]
) -> None:
    page.goto("/")
    chat = Chat(page)
    websocket.lose_response_to("message.send")
    chat.ask("Do whales sing?")
    expect(chat.answer).to_contain_text("Whales sing.")
    expect(chat.field).to_have_value("")
    expect(chat.questions).to_have_text(["Do whales sing?"])
    page.reload()
    expect(chat.questions).to_have_text(["Do whales sing?"])
    sent = [request["params"] for request in websocket.requests if request["method"] == "message.send"]
    assert len(sent) == 2
    assert sent[0] == sent[1]


def test_an_unacknowledged_message_stays_in_the_field_after_a_reload_and_is_stored_once(
    model: ScriptedModel, page: Page, websocket: WebSocketProxy, browser_errors: list[str]
) -> None:
    page.goto("/")
    chat = Chat(page)
    websocket.lose_response_to("message.send", then_go_offline=True)
    chat.ask("Do whales sing?")
    expect(page.locator("#connection-bar")).to_be_visible()
    page.reload()
    expect(chat.field).to_have_value("Do whales sing?")
    websocket.go_online()
    chat.field.press("Enter")
    expect(chat.answer).to_contain_text("Whales sing.")
    page.reload()
    expect(chat.questions).to_have_text(["Do whales sing?"])
    sent = [request["params"] for request in websocket.requests if request["method"] == "message.send"]
    assert len(sent) == 2
    assert sent[0] == sent[1]


def test_a_message_typed_offline_is_sent_when_the_connection_is_back(
    model: ScriptedModel, page: Page, websocket: WebSocketProxy, browser_errors: list[str]
) -> None:
    websocket.is_offline = True
    page.goto("/")
    chat = Chat(page)
    chat.ask("Do whales sing?")
    expect(chat.connection_bar).to_have_text("No connection. Your message will be sent when the connection is back.")
    expect(chat.field).to_have_value("Do whales sing?")
    websocket.go_online()
    expect(chat.answer).to_contain_text("Whales sing.")
    expect(chat.connection_bar).to_be_hidden()
