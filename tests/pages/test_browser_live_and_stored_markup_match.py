"""The page builds the same markup for a live answer as the server renders for the stored one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.modelserver import Gate, Reply, calls, done, finish, status, text, thinking, tool_call, usage, wait_for
from tests.pages.browsing import Chat, ScriptedModel

MARKUP = """
answer => {
  const copy = answer.cloneNode(true);
  // A streaming text is split into blocks, and is formatted again when it is complete
  for (const text of copy.querySelectorAll('[data-type="text"], [data-type="thinking"] [data-part="content"]')) {
    text.textContent = text.textContent.trim();
    text.classList.remove("plain");
  }
  copy.querySelectorAll("details").forEach((one) => one.removeAttribute("open"));
  copy.querySelector(".figures").textContent = "";
  const { dataset } = copy.querySelector(".failure"); // its tokens are shown with the figures
  delete dataset.prompt;
  delete dataset.completion;
  return copy.outerHTML.replace(/\\s+/g, " ").replace(/> </g, "><");
}
"""
"""Returns an answer's markup without the parts that differ on purpose."""


def markup(chat: Chat) -> str:
    return str(chat.answer.evaluate(MARKUP))


def wait_until(condition: Callable[[], object], within: float = 30) -> None:
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end


def replies_with_tools(gate: Gate) -> Iterator[Reply]:
    sums = [tool_call("calculator", {"expression": f"6*{n}"}, call_id=f"c{n}", index=n) for n in range(2)]
    bad = tool_call("calculator", {"expression": "1/0"}, call_id="bad", index=2)
    two = tool_call("read_file", {"path": "there/is/none.txt", "limit": 10}, call_id="file", index=3)
    yield calls(thinking("Let me "), thinking("reckon."), text("I count."), *sums, bad, two)
    yield [text("It is "), wait_for(gate), text("42 & <more>."), finish(), usage(), done()]


def test_live_and_stored_markup_match_during_a_run(
    chat: Chat, page: Page, browser: Browser, signed_in_state: StorageState, model: ScriptedModel
) -> None:
    gate = Gate()
    replies = replies_with_tools(gate)
    model.reply = lambda request: next(replies)
    chat.ask("What is 6*7?")
    expect(chat.steps("text").last).to_have_text("It is")
    with browser.new_context(storage_state=signed_in_state, java_script_enabled=False) as context:
        stored = Chat(context.new_page())
        wait_until(lambda: stored.page.goto(page.url) and "It is" in stored.answer.inner_text())
        assert markup(chat) == markup(stored)
    gate.open()


def test_live_and_stored_markup_match_after_a_run(chat: Chat, page: Page, model: ScriptedModel) -> None:
    gate = Gate()
    gate.open()
    replies = replies_with_tools(gate)
    model.reply = lambda request: next(replies)
    page.route("**/messages/*/", lambda route: route.fulfill(status=204))
    chat.ask("What is 6*7?")
    expect(chat.answer).to_have_attribute("data-status", "complete")
    live = markup(chat)
    page.reload()
    expect(chat.answer).to_have_attribute("data-status", "complete")
    assert live == markup(chat)


@pytest.mark.parametrize("how", ["failed", "cancelled", "length"])
def test_live_and_stored_markup_match_after_a_failed_cancelled_or_truncated_run(
    how: str, chat: Chat, page: Page, model: ScriptedModel
) -> None:
    stuck = Gate()
    model.reply = {
        "failed": status(503),
        "cancelled": [thinking("Hmm"), tool_call("calculator", '{"expr'), wait_for(stuck)],
        "length": [text("So it"), finish("length"), usage(), done()],
    }[how]
    page.route("**/messages/*/", lambda route: route.fulfill(status=204))
    chat.ask("What is 6*7?")
    if how == "cancelled":
        expect(chat.steps("tool_call")).to_be_visible()
        chat.stop.click()
    expect(chat.send).to_be_visible()
    expect(chat.answer).to_have_attribute("data-status", "complete" if how == "length" else how)
    live = markup(chat)
    page.reload()
    assert live == markup(chat)
