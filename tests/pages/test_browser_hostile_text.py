"""Whatever a model, a tool or a person writes is text: nothing of it runs, loads or becomes a part of the page.

Each is shown while it comes and after a reload; with the policy that would stop what got through, and without it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.hostile import HOSTILE, every_input
from tests.modelserver import Part, Reply, calls, done, finish, pause, text, thinking, tool_arguments, tool_call, usage
from tests.pages.browsing import Chat, ScriptedModel, wait_until
from tests.pages.intrusion import Watch

pytestmark = pytest.mark.requires_node  # live texts are formatted by what npm brings
PATIENCE = 120_000
"""Milliseconds that a page with all of it may take on a busy machine."""
PIECES = random.Random(5)
"""Cuts texts always in the same places."""


def sendable(inputs: Sequence[str]) -> list[str]:
    """Without what no JSON in UTF-8 can hold."""
    return [source for source in inputs if source.encode(errors="ignore").decode() == source]


def quoted(inputs: Sequence[str]) -> str:
    """Each a block of its own: what it leaves open ends with it."""
    return "\n\n---\n\n".join("\n".join(f"> {line}" for line in source.split("\n")) for source in inputs)


def in_pieces(source: str) -> list[str]:
    pieces = []
    while source:
        length = PIECES.choice((1, 2, 3, 7, 40, 200))
        pieces.append(source[:length])
        source = source[length:]
    return pieces


def streamed(source: str) -> list[Part]:
    """As text that comes in pieces, and slowly enough for the page to draw much of it unfinished."""
    parts: list[Part] = []
    for number, piece in enumerate(in_pieces(source)):
        parts += [text(piece), pause(0.02)] if number % 10 == 0 else [text(piece)]
    return parts


DRAW_EVERY_BEGINNING = """async (inputs) => {
  const loaded = (name) => performance.getEntriesByType("resource").find((one) => one.name.includes(`/${name}.`))?.name;
  while (!loaded("markdown")) await new Promise((done) => setTimeout(done, 20));
  await import(loaded("markdown"));
  const { StreamingMarkdown } = await import(loaded("streaming-markdown"));
  const place = document.createElement("div");
  document.getElementById("transcript").append(place);
  let count = 0;
  for (const source of inputs) {
    for (let end = 1; end <= source.length; end += 1) {
      const step = document.createElement("div");
      step.className = "step prose";
      step.textContent = source.slice(0, end);
      place.append(step);
      new StreamingMarkdown(step);
      await null;
      count += step.classList.contains("plain") ? 0 : 1;
      step.querySelectorAll("[id^=fn]").forEach((mark) => mark.removeAttribute("id"));
    }
  }
  return count;
}"""
ALL = sendable(every_input())
LISTED = sendable(HOSTILE)
END: list[Part] = [finish(), usage(), done()]


@pytest.fixture(params=[False, True], ids=["under the policy", "without the policy"])
def page(request: pytest.FixtureRequest, browser: Browser, site: str, signed_in: StorageState) -> Iterator[Page]:
    with browser.new_context(base_url=site, storage_state=signed_in, bypass_csp=request.param) as context:
        context.set_default_timeout(PATIENCE)
        yield context.new_page()


@pytest.fixture
def watch(page: Page) -> Watch:
    return Watch(page)


@pytest.fixture
def chat(watch: Watch, model: ScriptedModel, page: Page) -> Chat:
    page.goto("/")
    return Chat(page)


def test_the_detector_finds_injected_markup(chat: Chat, page: Page, watch: Watch) -> None:
    watch.check()
    page.route("https://example.com/**", lambda route: route.abort())
    chat.page.locator(".empty").evaluate(
        """place => place.insertAdjacentHTML("beforeend",
        '<img src=data: onerror=alert(1)><img src=https://example.com/x.png><a href=javascript:alert(2)>x</a>')"""
    )
    wait_until(
        page, lambda: watch.ran or sum("violates the policy" in complaint for complaint in watch.complaints) == 2
    )
    assert len(watch.intruders()) == 4
    assert watch.complaints
    policy_is_kept = any("violates the policy: script-src" in complaint for complaint in watch.complaints)
    assert policy_is_kept or watch.ran == ["alert: 1"]
    assert not policy_is_kept or sum("violates the policy" in complaint for complaint in watch.complaints) == 2


def ask_and_reload(chat: Chat, watch: Watch, question: str, *, shows: str) -> None:
    chat.ask(question)
    expect(chat.answer).to_have_attribute("data-status", "complete", timeout=PATIENCE)
    expect(chat.answer.locator(".message-footer")).to_contain_text("tokens")
    expect(chat.answer).to_contain_text(shows)
    watch.check()
    chat.page.reload()
    expect(chat.answer).to_contain_text(shows)
    watch.check()


@pytest.mark.parametrize("form", ["each for itself", "one after the other"])
def test_hostile_answers_and_questions_are_shown_as_text(
    form: str, chat: Chat, watch: Watch, model: ScriptedModel
) -> None:
    written = quoted(ALL) if form == "each for itself" else "\n\n".join(LISTED)
    model.reply = [*streamed(f"{written}\n\n"), text("```\n```\nThat is all."), *END]
    question = "\n\n".join(LISTED).replace("\0", "")
    ask_and_reload(chat, watch, question, shows="That is all.")


def test_every_prefix_of_a_hostile_text_is_shown_as_text_while_streaming(chat: Chat, watch: Watch) -> None:
    drawn = chat.page.evaluate(DRAW_EVERY_BEGINNING, LISTED)
    assert drawn > 0.9 * sum(map(len, LISTED))
    watch.check()


def test_hostile_thinking_tool_calls_and_results_are_shown_as_text(
    chat: Chat, watch: Watch, model: ScriptedModel
) -> None:
    replies: Iterator[Reply] = iter(
        [
            calls(
                *map(thinking, in_pieces("\n\n".join(ALL))),
                tool_call("write_file", {"path": "hostile.md", "content": "\n\n".join(LISTED)}),
                tool_call("read_file", {"path": "hostile.md"}, call_id="call_2", index=1),
                tool_call("write_file", "", call_id="call_3", index=2),
                *(tool_arguments(piece, index=2) for piece in in_pieces("\n\n".join(LISTED))),
                *(
                    tool_call(name, {name: name}, call_id=f"call_{index}", index=index)
                    for index, name in enumerate(LISTED[:40], start=3)
                ),
                *(
                    tool_call("write_file", {"path": name, "content": name}, call_id=f"call_{index}", index=index)
                    for index, name in enumerate(LISTED[40:70], start=43)
                ),
            ),
            calls(
                tool_call("read_file", {"path": "hostile.md"}),
                tool_call("list_files", {}, call_id="call_2", index=1),
                tool_call("calculator", {"expression": LISTED[0]}, call_id="call_3", index=2),
            ),
            [text("That is all."), *END],
        ]
    )
    model.reply = lambda request: next(replies)
    ask_and_reload(chat, watch, "Use your tools", shows="That is all.")
    results = chat.answer.locator('[data-part="result"]')
    assert any("onerror=alert(1)" in result for result in results.all_text_contents())
    for step in chat.answer.locator("details[data-step]").all()[:6]:
        step.locator("summary").first.click()
    watch.check()
