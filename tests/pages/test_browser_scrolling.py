from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.modelserver import Gate, answer, done, finish, text, usage, wait_for
from tests.pages.browsing import Chat, ScriptedModel, wait_until

LONG = [f"paragraph {number}\n\n" for number in range(60)]
SCROLLER = "document.getElementById('scroller')"
IS_AT_END = f"{SCROLLER}.scrollHeight - {SCROLLER}.scrollTop - {SCROLLER}.clientHeight <= 2"


def test_the_view_follows_the_answer_until_the_reader_scrolls_up(chat: Chat, page: Page, model: ScriptedModel) -> None:
    gate, end = Gate(), Gate()
    model.reply = [*map(text, LONG), wait_for(gate), *map(text, LONG), wait_for(end), finish(), usage(), done()]
    view, jump = page.locator("#scroller"), page.locator("#jump")
    chat.ask("Write much")
    expect(chat.steps("text")).to_contain_text("paragraph 59")
    wait_until(page, IS_AT_END)
    expect(jump).to_be_hidden()

    view.hover()
    page.mouse.wheel(0, -600)
    expect(jump).to_be_visible()
    before = view.evaluate("view => view.scrollTop")
    gate.open()
    wait_until(page, "document.querySelector('.answer').textContent.split('paragraph 59').length === 3")
    assert view.evaluate("view => view.scrollTop") == before

    jump.click()
    wait_until(page, IS_AT_END)
    expect(jump).to_be_hidden()
    end.open()
    expect(chat.answer.locator(".message-footer")).to_contain_text("tokens")
    wait_until(page, IS_AT_END)


def test_a_scrolled_up_view_stays_in_place_when_the_answer_ends(chat: Chat, page: Page, model: ScriptedModel) -> None:
    end = Gate()
    model.reply = [*(text(f"## Heading\n\n{piece}") for piece in LONG), wait_for(end), finish(), usage(), done()]
    chat.ask("Write much")
    expect(chat.steps("text")).to_contain_text("paragraph 59")
    view = page.locator("#scroller")
    view.hover()
    page.mouse.wheel(0, -100_000)
    wait_until(page, f"{SCROLLER}.scrollTop === 0")
    question = chat.questions.bounding_box()
    end.open()
    expect(chat.answer.locator("h2").last).to_be_attached()
    expect(chat.answer.locator(".message-footer")).to_contain_text("tokens")
    assert chat.questions.bounding_box() == question


def test_a_reload_starts_at_the_end(chat: Chat, page: Page, model: ScriptedModel) -> None:
    model.reply = answer("".join(LONG))
    chat.ask("Write much")
    expect(chat.answer.locator(".message-footer")).to_contain_text("tokens")
    page.reload()
    wait_until(page, IS_AT_END)


def test_scrolling_up_loads_older_messages(chat: Chat, page: Page, model: ScriptedModel) -> None:
    model.reply = answer("So it is.")
    chat.ask("question 0.")
    expect(chat.answer.locator(".message-footer")).to_contain_text("tokens")
    page.evaluate(ASK_29_QUESTIONS, page.url.split("/")[-2])
    page.reload()
    expect(chat.questions).to_have_count(10)
    last = chat.questions.last
    page.locator("#scroller").hover()
    page.mouse.wheel(0, -100_000)
    expect(chat.questions).to_have_count(30)
    expect(chat.questions.first).to_have_text("question 0.")
    expect(last).to_have_text("question 29.")
    expect(page.locator("[data-older]")).to_have_count(0)
    assert page.locator("#scroller").evaluate("view => view.scrollTop") > 0


SCROLL_AND_CHANGE = """
async () => {
  const { Scroller } = await import("/static/conversations/scroller.js");
  const view = document.createElement("div");
  view.innerHTML = "<div><p data-message></p></div>";
  view.setAttribute("class", "scroller");
  document.querySelector(".chat").prepend(view);
  for (let line = 0; line < 200; line += 1) view.firstElementChild.append(document.createElement("hr"), "line");
  const scroller = new Scroller(view, view.firstElementChild, document.createElement("button"));
  scroller.scrollToEnd();
  const end = view.scrollTop;
  view.scrollTop = 10;
  scroller.preserveScroll(() => view.firstElementChild.append("more"));
  return [end, view.scrollTop];
}
"""
"""Changes the page before the browser has dispatched the scroll event, which waits for the next frame."""


def test_a_page_change_during_a_scroll_does_not_undo_the_scroll(chat: Chat, page: Page) -> None:
    end, after = page.evaluate(SCROLL_AND_CHANGE)
    assert end > 100
    assert after == 10


ASK_29_QUESTIONS = """
async (id) => {
  const socket = new WebSocket(new URL("/ws/", location.href.replace("http", "ws")));
  await new Promise((resolve) => { socket.onopen = resolve; });
  for (let number = 1; number < 30; number++) {
    await new Promise((resolve, reject) => {
      socket.onmessage = ({ data }) => {
        const { method, error } = JSON.parse(data);
        if (error) reject(new Error(error.message));
        if (method === "done") resolve();
      };
      const params = { conversation_id: id, text: `question ${number}.` };
      socket.send(JSON.stringify({ jsonrpc: "2.0", id: number, method: "message.send", params }));
    });
  }
  socket.close();
}
"""


def test_a_new_chat_on_a_small_screen_starts_at_the_top(chat: Chat, page: Page) -> None:
    page.set_viewport_size({"width": 375, "height": 500})
    page.reload()
    scroller = page.locator("#scroller")
    assert scroller.evaluate("one => one.scrollHeight > one.clientHeight")
    assert scroller.evaluate("one => one.scrollTop") == 0
    expect(page.locator("#jump")).to_be_hidden()
    chat.ask("Do whales sing?")
    expect(chat.answer).to_contain_text("Whales sing.")
