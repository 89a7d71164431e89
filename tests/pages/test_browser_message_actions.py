"""Copying, editing, regenerating and rating messages."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect

from tests.modelserver import Gate, ModelRequest, Reply, answer, calls, finish, text, tool_call, wait_for
from tests.pages.browsing import Chat, ScriptedModel, WebSocketProxy

MARKDOWN = "It is **so**:\n\n- one\n- `two`\n\n| a | b |\n|---|---|\n| 1 | 2 |"


@pytest.fixture
def clipboard(context: BrowserContext, site: str) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.rstrip("/"))


def clipboard_text(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


@pytest.mark.usefixtures("clipboard")
def test_an_answer_is_copied_as_its_markdown_and_a_question_as_typed(
    chat: Chat, page: Page, model: ScriptedModel
) -> None:
    model.reply = answer(MARKDOWN)
    chat.ask("Is it *so*?")
    chat.wait_for_answer("one")
    chat.action("Copy the answer").click()
    expect(page.locator("#announcer")).to_have_text("Copied.")
    assert clipboard_text(page) == MARKDOWN
    chat.questions.hover()
    page.get_by_role("button", name="Copy your message").click()
    expect(page.get_by_role("button", name="Copy your message")).to_have_class(re.compile("done"))
    assert clipboard_text(page) == "Is it *so*?"


@pytest.mark.usefixtures("clipboard")
def test_copying_an_answer_includes_the_text_before_its_tool_calls(
    chat: Chat, page: Page, model: ScriptedModel
) -> None:
    replies = iter(
        [calls(text("Let me *see*."), tool_call("calculator", {"expression": "6*7"})), answer("It is **42**.")]
    )
    model.reply = lambda request: next(replies)
    chat.ask("What is 6*7?")
    chat.wait_for_answer("It is 42.")
    chat.action("Copy the answer").click()
    expect(page.locator("#announcer")).to_have_text("Copied.")
    assert clipboard_text(page) == "Let me *see*.\n\nIt is **42**."


def test_a_failed_copy_shows_an_error(chat: Chat, page: Page) -> None:
    chat.ask("Do whales sing?")
    chat.wait_for_answer("Whales sing.")
    page.evaluate("() => { navigator.clipboard.write = () => Promise.reject(new Error('no')); }")
    chat.action("Copy the answer").click()
    expect(page.get_by_role("alert")).to_have_text("Copying failed. Select the text and copy it manually.")


def test_actions_appear_on_hover_and_focus_without_moving_anything(
    chat: Chat, page: Page, model: ScriptedModel
) -> None:
    for question in ("Do whales sing?", "At night?"):
        chat.ask(question)
        expect(chat.answers).to_have_count(1 if question == "Do whales sing?" else 2)
        chat.wait_for_answer("Whales sing.")
    first = chat.answers.first
    place = first.bounding_box()
    actions = first.locator(".actions")
    page.mouse.move(0, 0)
    expect(actions).to_have_css("opacity", "0")
    expect(chat.answer.locator(".actions")).to_have_css("opacity", "1")
    first.hover()
    expect(actions).to_have_css("opacity", "1")
    page.mouse.move(0, 0)
    chat.action("Copy the answer", first).focus()
    expect(actions).to_have_css("opacity", "1")
    assert first.bounding_box() == place


def test_actions_are_always_visible_on_touch_screens(
    chat: Chat, page: Page, browser: Browser, signed_in_state: StorageState
) -> None:
    chat.ask("Do whales sing?")
    chat.wait_for_answer("Whales sing.")
    chat.ask("At night?")
    expect(chat.answers).to_have_count(2)
    with browser.new_context(storage_state=signed_in_state, is_mobile=True, has_touch=True) as context:
        phone = context.new_page()
        phone.goto(page.url)
        expect(phone.locator(".message .actions").first).to_have_css("opacity", "1")
        expect(phone.locator(".answer .actions").first).to_have_css("opacity", "1")


def test_an_answer_shows_its_model_tokens_and_duration(chat: Chat, model: ScriptedModel) -> None:
    model.reply = answer("Whales sing.", completion=1234)
    chat.ask("Do whales sing?")
    chat.wait_for_answer("Whales sing.")
    expect(chat.answer.locator(".figures span").first).to_have_text("test-model")
    expect(chat.answer.locator(".figures")).to_contain_text(re.compile(r"1234 tokens\d+(\.\d+)? m?s"))


@pytest.mark.parametrize("key", ["Enter", "Control+Enter"])
def test_an_edited_question_becomes_a_new_version_with_a_new_answer(
    key: str, chat: Chat, page: Page, model: ScriptedModel
) -> None:
    chat.ask("Do whales sing?")
    chat.wait_for_answer("Whales sing.")
    model.reply = answer("Crickets do too.")
    chat.questions.hover()
    page.get_by_role("button", name="Edit your message").click()
    field = page.get_by_role("textbox", name="Edit your message")
    expect(field).to_be_focused()
    expect(field).to_have_value("Do whales sing?")
    field.fill("Do crickets sing?\n")
    field.press(key)
    chat.wait_for_answer("Crickets do too.")
    expect(chat.questions).to_have_count(1)
    expect(chat.questions).to_contain_text("Do crickets sing?")
    expect(page.locator(".question [data-part=version]")).to_have_text("2/2")
    expect(field).to_have_count(0)


def test_escape_cancels_editing_a_question(chat: Chat, page: Page, model: ScriptedModel) -> None:
    chat.ask("Do whales sing?")
    chat.wait_for_answer("Whales sing.")
    chat.questions.hover()
    page.get_by_role("button", name="Edit your message").click()
    page.get_by_role("textbox", name="Edit your message").fill("Something else")
    page.get_by_role("textbox", name="Edit your message").press("Escape")
    expect(chat.questions).to_have_text("Do whales sing?")
    expect(chat.questions).to_be_visible()
    expect(page.get_by_role("button", name="Edit your message")).to_be_focused()
    page.get_by_role("button", name="Edit your message").click()
    expect(page.get_by_role("textbox", name="Edit your message")).to_have_value("Do whales sing?")


def test_a_refused_edit_keeps_the_input_and_shows_an_error(chat: Chat, page: Page) -> None:
    chat.ask("Do whales sing?")
    chat.wait_for_answer("Whales sing.")
    chat.questions.hover()
    page.get_by_role("button", name="Edit your message").click()
    field = page.get_by_role("textbox", name="Edit your message")
    too_long = "x" * 200_001
    field.fill(too_long)
    page.locator(".editor").get_by_role("button", name="Send").click()
    expect(page.locator(".editor").get_by_role("alert")).to_be_visible()
    expect(field).to_have_value(too_long)
    field.fill("Do crickets sing?")
    field.press("Enter")
    expect(page.locator(".question [data-part=version]")).to_have_text("2/2")


@pytest.fixture
def chat_with_open_edit(model: ScriptedModel, page: Page, websocket: WebSocketProxy, browser_errors: list[str]) -> Chat:
    """Returns a conversation with a proxied connection and an edited question that is not sent yet."""
    page.goto("/")
    chat = Chat(page)
    chat.ask("Do whales sing?")
    chat.wait_for_answer("Whales sing.")
    chat.questions.hover()
    page.get_by_role("button", name="Edit your message").click()
    page.get_by_role("textbox", name="Edit your message").fill("Do crickets sing?")
    return chat


def test_an_unsent_edit_survives_a_reload(chat_with_open_edit: Chat, page: Page, websocket: WebSocketProxy) -> None:
    websocket.go_offline()
    field = page.get_by_role("textbox", name="Edit your message")
    field.press("Enter")
    expect(chat_with_open_edit.connection_bar).to_be_visible()
    page.reload()
    expect(field).to_have_value("Do crickets sing?")
    websocket.go_online()
    field.press("Enter")
    expect(page.locator(".question [data-part=version]")).to_have_text("2/2")
    expect(field).to_have_count(0)


def test_an_edit_whose_acknowledgement_is_lost_is_resent_and_stored_once(
    chat_with_open_edit: Chat, page: Page, websocket: WebSocketProxy
) -> None:
    websocket.lose_response_to("message.edit")
    page.get_by_role("textbox", name="Edit your message").press("Enter")
    expect(page.locator(".question [data-part=version]")).to_have_text("2/2")
    chat_with_open_edit.wait_for_answer("Whales sing.")
    sent = [request["params"] for request in websocket.requests if request["method"] == "message.edit"]
    assert len(sent) == 2
    assert sent[0] == sent[1]


def test_answering_again_creates_a_second_version(chat: Chat, page: Page, model: ScriptedModel) -> None:
    chat.ask("Do whales sing?")
    chat.wait_for_answer("Whales sing.")
    model.reply = answer("They do indeed.")
    chat.action("Answer again").click()
    chat.wait_for_answer("They do indeed.")
    expect(chat.answers).to_have_count(1)
    expect(chat.questions).to_have_count(1)
    expect(chat.version).to_have_text("2/2")
    page.reload()
    expect(chat.answer).to_contain_text("They do indeed.")
    expect(chat.version).to_have_text("2/2")


def test_an_answer_can_be_regenerated_with_another_model(chat: Chat, page: Page, model: ScriptedModel) -> None:
    chat.ask("Do whales sing?")
    chat.wait_for_answer("Whales sing.")
    requested_models: list[object] = []

    def reply(request: ModelRequest) -> Reply:
        requested_models.append(request.body["model"])
        return answer("They do indeed.")

    model.reply = reply
    chat.action("Answer again with another model").click()
    page.get_by_role("menu", name="Models").get_by_role("menuitemradio", name="other-model").click()
    chat.wait_for_answer("They do indeed.")
    expect(chat.answer.locator(".figures span").first).to_have_text("other-model")
    assert requested_models == ["other-model"]


def test_answers_cannot_be_regenerated_during_a_run(chat: Chat, page: Page, model: ScriptedModel) -> None:
    chat.ask("Do whales sing?")
    chat.wait_for_answer("Whales sing.")
    gate = Gate()
    model.reply = [text("So"), wait_for(gate), finish()]
    chat.ask("At night?")
    expect(chat.steps("text")).to_have_text("So")
    expect(chat.action("Answer again", chat.answers.first)).to_be_hidden()
    expect(chat.answer.locator(".actions")).to_be_hidden()
    gate.open()
    expect(chat.answer.locator(".actions")).to_be_visible()


def test_a_rating_and_its_comment_are_stored(chat: Chat, page: Page) -> None:
    chat.ask("Do whales sing?")
    chat.wait_for_answer("Whales sing.")
    bad, good = chat.action("Bad answer"), chat.action("Good answer")
    bad.click()
    expect(bad).to_have_attribute("aria-pressed", "true")
    comment = page.get_by_placeholder("What was wrong with it? (optional)")
    comment.fill("Too short")
    comment.press("Enter")
    expect(comment).to_have_count(0)
    expect(page.locator("#announcer")).to_have_text("Thank you.")
    expect(bad).to_be_focused()

    page.reload()
    expect(bad).to_have_attribute("aria-pressed", "true")
    good.click()
    expect(good).to_have_attribute("aria-pressed", "true")
    expect(bad).to_have_attribute("aria-pressed", "false")
    expect(page.get_by_placeholder("What was good about it? (optional)")).to_have_value("Too short")
    page.keyboard.press("Tab")
    good.click()
    expect(good).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".comment")).to_have_count(0)
    page.reload()
    expect(good).to_have_attribute("aria-pressed", "false")


def test_a_rating_that_could_not_be_sent_is_undone_with_an_error(
    model: ScriptedModel, page: Page, websocket: WebSocketProxy, browser_errors: list[str]
) -> None:
    page.goto("/")
    chat = Chat(page)
    chat.ask("Do whales sing?")
    chat.wait_for_answer("Whales sing.")
    websocket.go_offline()
    chat.action("Good answer").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no connection to the server right now.")
    expect(chat.action("Good answer")).to_have_attribute("aria-pressed", "false")
