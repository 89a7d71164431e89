"""What a user sees from a question to its answer, and after a reload."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.modelserver import Gate, answer, calls, done, finish, text, thinking, tool_call, usage, wait_for
from tests.pages.browsing import Chat, ScriptedModel

CONVERSATION = re.compile(r"/c/[0-9a-f-]{36}/$")


@pytest.mark.parametrize("by", ["Enter", "button", "suggestion"])
def test_a_question_starts_a_conversation_with_its_own_url(by: str, chat: Chat, page: Page) -> None:
    if by == "suggestion":
        page.locator("[data-suggestion]").first.click()
    elif by == "button":
        chat.field.fill("Do whales sing?")
        chat.send.click()
    else:
        chat.ask("Do whales sing?")
    expect(chat.answer).to_contain_text("Whales sing.")
    expect(page).to_have_url(CONVERSATION)
    expect(chat.questions).to_have_count(1)
    expect(chat.field).to_have_value("")
    expect(page.locator("#empty")).to_have_count(0)


def test_the_title_appears_everywhere_without_a_reload(chat: Chat, page: Page) -> None:
    chat.ask("Do whales sing?")
    expect(page.get_by_role("heading", level=1)).to_have_text("Do whales sing?")
    expect(page).to_have_title("Do whales sing? · chatsite")
    entry = page.locator(".conversation").first
    expect(entry).to_have_text("Do whales sing?")
    expect(entry.locator("a")).to_have_attribute("aria-current", "page")
    expect(entry.locator("a")).to_have_attribute("href", CONVERSATION)
    expect(page.locator(".period h2").first).to_have_text("Today")


def test_thinking_tool_calls_and_text_appear_live_and_look_the_same_after_a_reload(
    chat: Chat, page: Page, model: ScriptedModel
) -> None:
    thinking_gate, tool_gate, text_gate = Gate(), Gate(), Gate()
    replies = iter(
        [
            calls(
                *(thinking("Let me "), thinking("reckon."), wait_for(thinking_gate)),
                *(tool_call("calculator", {"expression": "6*7"}), wait_for(tool_gate)),
            ),
            [text("It is **42"), wait_for(text_gate), text("**."), finish(), usage(), done()],
        ]
    )
    model.reply = lambda request: next(replies)
    chat.ask("What is 6*7?")

    expect(chat.steps("thinking")).to_have_attribute("open", "")
    expect(chat.steps("thinking")).to_contain_text("Thinking…")
    expect(chat.steps("thinking")).to_contain_text("Let me reckon.")
    expect(chat.stop).to_be_visible()
    expect(chat.send).to_be_hidden()
    expect(page.locator(".conversation.live")).to_have_count(1)

    thinking_gate.open()
    expect(chat.steps("tool_call").locator(".spinner")).to_be_visible()
    expect(chat.steps("tool_call")).to_contain_text("calculator")

    tool_gate.open()
    expect(chat.steps("tool_call")).to_have_attribute("data-state", "finished")
    expect(chat.steps("tool_call").locator('[data-part="summary"]')).to_have_text("6*7")
    expect(chat.steps("thinking")).not_to_have_attribute("open", "")
    expect(chat.steps("thinking")).to_contain_text("Thought for 1 s")
    expect(chat.steps("text")).to_have_text("It is 42")

    text_gate.open()
    expect(chat.steps("text").locator("strong")).to_have_text("42")
    expect(chat.send).to_be_visible()
    expect(page.locator(".conversation.live")).to_have_count(0)

    chat.steps("tool_call").locator("summary").click()
    expect(chat.steps("tool_call").locator('[data-part="arguments"]')).to_have_text('{\n  "expression": "6*7"\n}')
    expect(chat.steps("tool_call").locator('[data-part="result"]')).to_have_text("42")
    chat.steps("tool_call").locator("summary").click()

    seen = chat.answer.inner_html().replace("\n", "")
    page.reload()
    assert chat.answer.inner_html().replace("\n", "") == seen


def test_thinking_expanded_by_the_reader_stays_open(chat: Chat, model: ScriptedModel) -> None:
    gate = Gate()
    model.reply = [thinking("Hmm."), text("So"), wait_for(gate), text(" it is."), finish(), usage(), done()]
    chat.ask("Is it so?")
    expect(chat.steps("text")).to_have_text("So")
    expect(chat.steps("thinking")).not_to_have_attribute("open", "")
    chat.steps("thinking").locator("summary").click()
    gate.open()
    expect(chat.answer).to_have_attribute("data-status", "complete")
    expect(chat.answer.locator(".message-footer")).to_contain_text("tokens")
    expect(chat.steps("thinking")).to_have_attribute("open", "")


def test_html_in_questions_and_answers_is_shown_as_text(chat: Chat, page: Page, model: ScriptedModel) -> None:
    evil = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    gate = Gate()
    model.reply = [thinking(evil), text(evil), wait_for(gate), finish(), usage(), done()]
    chat.ask(evil)
    expect(chat.questions).to_have_text(evil)
    expect(chat.steps("text")).to_have_text(evil)
    gate.open()
    expect(chat.answer).to_have_attribute("data-status", "complete")
    expect(chat.answer.locator(".message-footer")).to_contain_text("tokens")
    page.reload()
    expect(chat.answer).to_contain_text("<img src=x")
    assert page.locator(".message img, .message script").count() == 0
    assert "owned" not in page.title().replace(evil, "")[:5]


def test_a_long_text_is_complete_while_it_streams_and_unchanged_when_it_ends(chat: Chat, model: ScriptedModel) -> None:
    lines = [f"line {number} " + "word " * (number % 40) + "\n" * (1 + number % 3) for number in range(200)]
    gate = Gate()
    model.reply = [*map(text, lines), wait_for(gate), finish(), usage(), done()]
    chat.ask("Write much")
    expect(chat.steps("text")).to_contain_text("line 199")
    paragraphs = chat.steps("text").locator("p")
    streamed_paragraphs = paragraphs.all_text_contents()
    assert " ".join(streamed_paragraphs).split() == "".join(lines).split()
    gate.open()
    expect(chat.answer).to_have_attribute("data-status", "complete")
    expect(chat.answer.locator(".message-footer")).to_contain_text("tokens")
    assert paragraphs.all_text_contents() == streamed_paragraphs


def test_a_finished_answer_is_announced_to_screen_readers(chat: Chat, page: Page) -> None:
    chat.ask("Do whales sing?")
    expect(page.locator("#announcer")).to_have_text("Answer finished. Whales sing.")


@pytest.mark.parametrize("by", ["button", "Esc"])
def test_stop_ends_the_answer_and_keeps_the_text_so_far(by: str, chat: Chat, page: Page, model: ScriptedModel) -> None:
    model.reply = [text("Once upon"), wait_for(Gate())]
    chat.ask("Tell me a long story")
    expect(chat.steps("text")).to_have_text("Once upon")
    if by == "Esc":
        chat.field.press("Escape")
    else:
        chat.stop.click()
    expect(chat.answer).to_have_attribute("data-status", "cancelled")
    expect(chat.answer).to_contain_text("You stopped this answer.")
    expect(chat.send).to_be_visible()
    page.reload()
    expect(chat.steps("text")).to_have_text("Once upon")
    expect(chat.answer).to_contain_text("You stopped this answer.")


def test_a_second_question_follows_the_first(chat: Chat, page: Page, model: ScriptedModel) -> None:
    chat.ask("Do whales sing?")
    expect(chat.answer).to_have_attribute("data-status", "complete")
    model.reply = answer("Yes, at night too.")
    chat.ask("At night?")
    expect(chat.answer).to_contain_text("Yes, at night too.")
    page.reload()
    expect(chat.questions).to_have_text(["Do whales sing?", "At night?"])


def test_a_small_screen_does_not_scroll_horizontally(chat: Chat, page: Page, model: ScriptedModel) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    wide = "| " + " | ".join(["column"] * 12) + " |\n|" + "---|" * 12 + "\n\n```\n" + "x" * 400 + "\n```\n" + "y" * 400
    model.reply = answer(wide, thought="z" * 400)
    chat.ask("w" * 400)
    expect(chat.answer).to_have_attribute("data-status", "complete")
    expect(chat.answer.locator("table")).to_be_visible()
    for element in ("html", "#scroller", ".composer"):
        assert page.locator(element).evaluate("one => one.scrollWidth <= one.clientWidth"), element
