"""The header of the chat: title, model, tokens and conversation settings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.modelserver import ModelRequest, Reply, answer
from tests.pages.browsing import Chat, ScriptedModel, WebSocketProxy, record_browser_errors


@pytest.fixture
def second_tab(context: BrowserContext) -> Iterator[Chat]:
    """Returns the chat in another tab of the same user."""
    page = context.new_page()
    browser_errors = record_browser_errors(page)
    yield Chat(page)
    assert browser_errors == []


@pytest.fixture
def requests(model: ScriptedModel) -> list[ModelRequest]:
    """Returns the requests that the model has received, the latest last."""
    received: list[ModelRequest] = []

    def reply(request: ModelRequest) -> Reply:
        received.append(request)
        return answer("Whales sing.", prompt=1500, completion=20)

    model.reply = reply
    return received


@pytest.fixture
def answered_chat(chat: Chat, requests: list[ModelRequest]) -> Chat:
    """Returns a conversation with one answer."""
    chat.ask("Do whales sing?")
    chat.wait_for_answer("Whales sing.")
    return chat


def open_settings(page: Page) -> None:
    page.get_by_role("button", name="Settings of this conversation").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def save(page: Page) -> None:
    page.get_by_role("dialog").get_by_role("button", name="Save").click()


@pytest.mark.parametrize("how", ["Enter", "leaving"])
def test_the_title_is_edited_in_place(how: str, answered_chat: Chat, page: Page, second_tab: Chat) -> None:
    second_tab.page.goto(page.url)
    page.get_by_role("heading", level=1).hover()
    page.get_by_role("button", name="Rename this conversation").click()
    field = page.get_by_role("textbox", name="Title")
    expect(field).to_have_value("Do whales sing?")
    field.fill("  Songs of the sea ")
    if how == "Enter":
        field.press("Enter")
    else:
        answered_chat.field.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Songs of the sea")
    expect(field).to_be_hidden()
    expect(page).to_have_title("Songs of the sea · chatsite")
    expect(second_tab.page.get_by_role("heading", level=1)).to_have_text("Songs of the sea")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Songs of the sea")


def test_escape_keeps_the_old_title(answered_chat: Chat, page: Page) -> None:
    page.get_by_role("heading", level=1).hover()
    page.get_by_role("button", name="Rename this conversation").click()
    page.get_by_role("textbox", name="Title").fill("Something else")
    page.get_by_role("textbox", name="Title").press("Escape")
    expect(page.get_by_role("heading", level=1)).to_have_text("Do whales sing?")
    expect(page.get_by_role("button", name="Rename this conversation")).to_be_focused()


def test_a_title_that_could_not_be_saved_stays_in_the_field(
    model: ScriptedModel, page: Page, websocket: WebSocketProxy, browser_errors: list[str]
) -> None:
    page.goto("/")
    chat = Chat(page)
    chat.ask("Do whales sing?")
    chat.wait_for_answer("Whales sing.")
    page.get_by_role("heading", level=1).hover()
    page.get_by_role("button", name="Rename this conversation").click()
    websocket.go_offline()
    page.get_by_role("textbox", name="Title").fill("Songs of the sea")
    page.get_by_role("textbox", name="Title").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("There is no connection to the server right now.")
    expect(page.get_by_role("textbox", name="Title")).to_have_value("Songs of the sea")


def test_the_model_of_a_conversation_is_chosen_in_the_header(
    answered_chat: Chat, page: Page, second_tab: Chat, requests: list[ModelRequest]
) -> None:
    second_tab.page.goto(page.url)
    page.get_by_role("button", name="Model: test-model").click()
    menu = page.get_by_role("menu", name="Models")
    expect(menu.get_by_role("menuitemradio", name="test-model")).to_have_attribute("aria-checked", "true")
    expect(menu.get_by_role("menuitemradio", name="other-model")).to_contain_text("Tools")
    menu.get_by_role("menuitemradio", name="other-model").click()
    for tab in (page, second_tab.page):
        expect(tab.get_by_role("button", name="Model: other-model")).to_be_visible()
    answered_chat.ask("At night?")
    expect(answered_chat.answers).to_have_count(2)
    answered_chat.wait_for_answer("Whales sing.")
    assert requests[-1].body["model"] == "other-model"
    page.reload()
    expect(page.get_by_role("button", name="Model: other-model")).to_be_visible()


def test_a_new_chat_uses_the_model_and_settings_chosen_for_it(
    chat: Chat, page: Page, requests: list[ModelRequest]
) -> None:
    page.get_by_role("button", name="Model: test-model").click()
    page.get_by_role("menuitemradio", name="other-model").click()
    open_settings(page)
    page.get_by_label("Instructions").fill("Answer like a whale.")
    save(page)
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.reload()
    expect(page.get_by_role("button", name="Model: other-model")).to_be_visible()
    chat.ask("Do whales sing?")
    chat.wait_for_answer("Whales sing.")
    assert requests[-1].body["model"] == "other-model"
    assert "Answer like a whale." in str(requests[-1].body["messages"][0])
    page.get_by_role("link", name="New chat").first.click()
    expect(page.get_by_role("button", name="Model: test-model")).to_be_visible()


def test_the_tokens_of_the_conversation_are_counted(answered_chat: Chat, page: Page) -> None:
    tokens = page.locator("#conversation-tokens")
    expect(tokens).to_have_text("1,520 tokens")
    expect(tokens).to_have_attribute("title", "1,500 read, 20 written")
    answered_chat.ask("At night?")
    expect(tokens).to_have_text("3,040 tokens")
    page.reload()
    expect(tokens).to_have_text("3,040 tokens")


def test_settings_apply_to_the_next_question(answered_chat: Chat, page: Page, requests: list[ModelRequest]) -> None:
    open_settings(page)
    page.get_by_label("Instructions").fill("Answer like a whale.")
    page.get_by_label("Temperature").fill("0,7")
    page.get_by_label("Maximum answer length, in tokens").fill("123")
    page.get_by_label("All tools").uncheck()
    page.get_by_role("checkbox", name="calculator").uncheck()
    save(page)
    expect(page.get_by_role("dialog")).to_be_hidden()
    answered_chat.ask("At night?")
    expect(answered_chat.answers).to_have_count(2)
    answered_chat.wait_for_answer("Whales sing.")
    body = requests[-1].body
    assert "Answer like a whale." in str(body["messages"][0])
    assert body["temperature"] == 0.7
    assert 123 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    names = {tool["function"]["name"] for tool in body["tools"]}
    assert "calculator" not in names
    assert "read_file" in names

    page.reload()
    open_settings(page)
    expect(page.get_by_label("Temperature")).to_have_value("0.7")
    expect(page.get_by_role("checkbox", name="calculator")).not_to_be_checked()
    page.get_by_label("Temperature").fill("")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    open_settings(page)
    expect(page.get_by_label("Temperature")).to_have_value("0.7")


def test_invalid_settings_show_errors_at_their_fields_and_keep_the_input(answered_chat: Chat, page: Page) -> None:
    open_settings(page)
    page.get_by_label("Instructions").fill("Answer like a whale.")
    page.get_by_label("Temperature").fill("hot")
    page.get_by_label("Maximum answer length, in tokens").fill("-3")
    save(page)
    expect(page.get_by_text("Enter a number from 0 to 2.")).to_be_visible()
    expect(page.get_by_text("Enter a whole number of at least 1.")).to_be_visible()
    expect(page.get_by_label("Temperature")).to_be_focused()
    expect(page.get_by_label("Instructions")).to_have_value("Answer like a whale.")
    page.get_by_label("Temperature").fill("1")
    page.get_by_label("Maximum answer length, in tokens").fill("")
    save(page)
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_invalid_settings_of_a_new_chat_are_reported_with_the_first_message(chat: Chat, page: Page) -> None:
    open_settings(page)
    page.get_by_label("Temperature").fill("9")
    save(page)
    chat.ask("Do whales sing?")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_text("Enter a number from 0 to 2.")).to_be_visible()
    expect(chat.field).to_have_value("Do whales sing?")
    page.get_by_label("Temperature").fill("1")
    save(page)
    chat.field.press("Enter")
    chat.wait_for_answer("Whales sing.")


def test_tools_can_be_turned_off_for_a_message(chat: Chat, page: Page, requests: list[ModelRequest]) -> None:
    tools = page.get_by_role("button", name="Tools")
    expect(tools).to_have_attribute("aria-pressed", "true")
    tools.click()
    expect(tools).to_have_attribute("aria-pressed", "false")
    page.reload()
    expect(tools).to_have_attribute("aria-pressed", "false")
    chat.ask("Do whales sing?")
    chat.wait_for_answer("Whales sing.")
    assert "tools" not in requests[-1].body
    tools.click()
    chat.ask("At night?")
    expect(chat.answers).to_have_count(2)
    chat.wait_for_answer("Whales sing.")
    assert requests[-1].body["tools"]


def test_thinking_can_be_turned_off_for_a_conversation(
    answered_chat: Chat, page: Page, second_tab: Chat, requests: list[ModelRequest]
) -> None:
    assert requests[-1].body["enable_thinking"] is True
    second_tab.page.goto(page.url)
    page.get_by_role("button", name="Thinking").click()
    for tab in (page, second_tab.page):
        expect(tab.get_by_role("button", name="Thinking")).to_have_attribute("aria-pressed", "false")
    second_tab.ask("At night?")
    expect(second_tab.answers).to_have_count(2)
    second_tab.wait_for_answer("Whales sing.")
    assert requests[-1].body["enable_thinking"] is False
    page.reload()
    expect(page.get_by_role("button", name="Thinking")).to_have_attribute("aria-pressed", "false")
