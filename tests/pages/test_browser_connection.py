"""Another tab, a lost connection, a session that ended elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, StorageState, expect

from tests.modelserver import Gate, Part, Reply, calls, done, finish, text, thinking, tool_call, usage, wait_for
from tests.pages.browsing import PASSWORD, USERNAME, Chat, ScriptedModel, Wire, listen_for_complaints


@pytest.fixture
def second(context: BrowserContext) -> Iterator[Chat]:
    """Another tab of the same person."""
    page = context.new_page()
    complaints = listen_for_complaints(page)
    yield Chat(page)
    assert complaints == []


def in_three_pieces() -> tuple[list[Gate], Reply]:
    gates = [Gate(), Gate()]
    end: list[Part] = [finish(), usage(), done()]
    return gates, [text("one "), wait_for(gates[0]), text("two "), wait_for(gates[1]), text("three"), *end]


def test_two_tabs_show_the_same_answer_during_and_after_a_run(
    chat: Chat, page: Page, second: Chat, model: ScriptedModel
) -> None:
    gates, model.reply = in_three_pieces()
    chat.ask("Count")
    expect(chat.steps("text")).to_have_text("one ")
    second.page.goto(page.url)
    expect(second.steps("text")).to_have_text("one ")
    expect(second.stop).to_be_visible()
    gates[0].open()
    for tab in (chat, second):
        expect(tab.steps("text")).to_have_text("one two ")
    gates[1].open()
    for tab in (chat, second):
        expect(tab.steps("text")).to_have_text("one two three")
        expect(tab.answer.locator(".message-footer")).to_contain_text("tokens")
    assert chat.answer.inner_html() == second.answer.inner_html()


def test_a_question_from_one_tab_appears_in_the_other(chat: Chat, page: Page, second: Chat) -> None:
    chat.ask("Do whales sing?")
    expect(chat.answer).to_have_attribute("data-status", "complete")
    second.page.goto(page.url)
    expect(second.answer).to_contain_text("Whales sing.")
    second.ask("At night?")
    expect(chat.questions).to_have_text(["Do whales sing?", "At night?"])
    expect(chat.answers).to_have_count(2)
    expect(chat.answer).to_contain_text("Whales sing.")


def test_stopping_in_one_tab_stops_the_answer_in_the_other(
    chat: Chat, page: Page, second: Chat, model: ScriptedModel
) -> None:
    model.reply = [text("Once upon"), wait_for(Gate())]
    chat.ask("Tell me a story")
    expect(chat.steps("text")).to_have_text("Once upon")
    second.page.goto(page.url)
    second.stop.click()
    expect(chat.answer).to_contain_text("You stopped this answer.")
    expect(chat.send).to_be_visible()


def test_closing_the_page_does_not_end_the_answer(chat: Chat, page: Page, second: Chat, model: ScriptedModel) -> None:
    gates, model.reply = in_three_pieces()
    chat.ask("Count")
    expect(chat.steps("text")).to_have_text("one ")
    address = page.url
    page.close()
    gates[0].open()
    gates[1].open()
    second.page.goto(address)
    expect(second.steps("text")).to_have_text("one two three")
    expect(second.answer).to_have_attribute("data-status", "complete")


@pytest.fixture
def cuttable(model: ScriptedModel, page: Page, wire: Wire, complaints: list[str]) -> Chat:
    """A new chat whose connection can be cut."""
    page.goto("/")
    return Chat(page)


def test_after_reconnecting_a_tab_shows_every_missed_step_once(
    cuttable: Chat, wire: Wire, model: ScriptedModel
) -> None:
    gates, model.reply = in_three_pieces()
    cuttable.ask("Count")
    expect(cuttable.steps("text")).to_have_text("one ")
    wire.cut()
    gates[0].open()
    expect(cuttable.bar).to_have_text("No connection. Trying again…")
    wire.mend()
    expect(cuttable.steps("text")).to_have_text("one two ")
    expect(cuttable.bar).to_be_hidden()
    wire.drop()
    gates[1].open()
    expect(cuttable.steps("text")).to_have_text("one two three")
    expect(cuttable.answer).to_have_attribute("data-status", "complete")
    expect(cuttable.questions).to_have_count(1)


def test_an_answer_that_ended_during_a_disconnection_appears_after_reconnecting(
    cuttable: Chat, page: Page, wire: Wire, model: ScriptedModel
) -> None:
    gates, model.reply = in_three_pieces()
    cuttable.ask("Count")
    expect(cuttable.steps("text")).to_have_text("one ")
    wire.cut()
    gates[0].open()
    gates[1].open()
    expect(cuttable.bar).to_be_visible()
    wire.mend()
    expect(cuttable.steps("text")).to_have_text("one two three")
    expect(cuttable.answer).to_have_attribute("data-status", "complete")
    expect(cuttable.send).to_be_visible()


def test_an_exchange_from_another_tab_that_was_missed_appears_after_reconnecting(
    cuttable: Chat, page: Page, wire: Wire, second: Chat
) -> None:
    cuttable.ask("Do whales sing?")
    expect(cuttable.answer).to_have_attribute("data-status", "complete")
    wire.cut()
    second.page.goto(page.url)
    second.ask("At night?")
    expect(second.answers).to_have_count(2)
    expect(second.answer).to_have_attribute("data-status", "complete")
    wire.mend()
    expect(cuttable.questions).to_have_text(["Do whales sing?", "At night?"])
    expect(cuttable.answer).to_contain_text("Whales sing.")


def test_steps_are_not_duplicated_after_reconnecting(cuttable: Chat, wire: Wire, model: ScriptedModel) -> None:
    gate = Gate()
    replies = iter(
        [
            calls(thinking("Hmm."), tool_call("calculator", {"expression": "6*7"})),
            [text("It is"), wait_for(gate), text(" 42."), finish(), usage(), done()],
        ]
    )
    model.reply = lambda request: next(replies)
    cuttable.ask("What is 6*7?")
    expect(cuttable.steps("text")).to_have_text("It is")
    wire.drop()
    gate.open()
    expect(cuttable.steps("text")).to_have_text("It is 42.")
    for kind in ("thinking", "tool_call", "text"):
        expect(cuttable.steps(kind)).to_have_count(1)
    expect(cuttable.steps("thinking").locator('[data-part="content"]')).to_have_text("Hmm.")


def test_steps_reset_removes_steps_and_new_ones_replace_them(
    cuttable: Chat, page: Page, wire: Wire, model: ScriptedModel
) -> None:
    model.reply = [thinking("Hmm."), text("It is"), wait_for(Gate())]
    cuttable.ask("What is it?")
    expect(cuttable.steps("text")).to_have_text("It is")
    run = page.request.get(page.url).text().split('data-run="')[1].split('"')[0]
    wire.tell("steps_reset", run_id=run, index=1)
    expect(cuttable.steps("text")).to_have_count(0)
    expect(cuttable.steps("thinking")).to_have_count(1)
    wire.tell("process_step", run_id=run, id="step-1", index=1, type="thinking", content="Again", duration=None)
    wire.tell("step_delta", run_id=run, id="step-1", text=", then.")
    expect(cuttable.steps("thinking").last).to_contain_text("Again, then.")
    cuttable.stop.click()
    expect(cuttable.send).to_be_visible()


def test_a_conversation_deleted_elsewhere_redirects_to_a_new_chat(
    cuttable: Chat, page: Page, wire: Wire, site: str
) -> None:
    cuttable.ask("Do whales sing?")
    expect(cuttable.answer).to_have_attribute("data-status", "complete")
    wire.tell("conversation_deleted", conversation_id=page.url.split("/")[-2])
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
    page.unroute(script)  # which lets go of it
    expect(chat.answer).to_contain_text("Whales sing.")


def test_a_session_that_ended_elsewhere_redirects_to_sign_in_and_back(
    browser: Browser, model: ScriptedModel, site: str, signed_in: StorageState
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
