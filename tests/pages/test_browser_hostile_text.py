"""Hostile text from a model, a tool or a user never runs, loads anything or becomes markup of the page.

Each text is shown while streaming and after a reload, with the content security policy enforced and bypassed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.hostile import HOSTILE, every_input
from tests.modelserver import Part, Reply, calls, done, finish, pause, text, thinking, tool_arguments, tool_call, usage
from tests.pages.browsing import Chat, ScriptedModel, wait_until
from tests.pages.injection import InjectionDetector

pytestmark = pytest.mark.requires_node  # live texts are formatted by npm packages
PAGE_TIMEOUT_MS = 120_000
"""Long, because the machine may be busy and the page shows every input."""
RANDOM = random.Random(5)
"""Seeded, so that texts are always split in the same places."""


def encodable(inputs: Sequence[str]) -> list[str]:
    """Returns the inputs that can be encoded as UTF-8."""
    return [source for source in inputs if source.encode(errors="ignore").decode() == source]


def quoted(inputs: Sequence[str]) -> str:
    """Returns the inputs as block quotes, so that markup left open by one ends with its block."""
    return "\n\n---\n\n".join("\n".join(f"> {line}" for line in source.split("\n")) for source in inputs)


def in_pieces(source: str) -> list[str]:
    pieces = []
    while source:
        length = RANDOM.choice((1, 2, 3, 7, 40, 200))
        pieces.append(source[:length])
        source = source[length:]
    return pieces


def streamed(source: str) -> list[Part]:
    """Returns the source as deltas, slow enough for the page to draw many incomplete states."""
    parts: list[Part] = []
    for number, piece in enumerate(in_pieces(source)):
        parts += [text(piece), pause(0.02)] if number % 10 == 0 else [text(piece)]
    return parts


DRAW_EVERY_PREFIX = """async (inputs) => {
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
ALL_INPUTS = encodable(every_input())
HOSTILE_INPUTS = encodable(HOSTILE)
ENDING: list[Part] = [finish(), usage(), done()]


@pytest.fixture(params=[False, True], ids=["with the policy", "without the policy"])
def page(request: pytest.FixtureRequest, browser: Browser, site: str, signed_in_state: StorageState) -> Iterator[Page]:
    with browser.new_context(base_url=site, storage_state=signed_in_state, bypass_csp=request.param) as context:
        context.set_default_timeout(PAGE_TIMEOUT_MS)
        yield context.new_page()


@pytest.fixture
def detector(page: Page) -> InjectionDetector:
    return InjectionDetector(page)


@pytest.fixture
def chat(detector: InjectionDetector, model: ScriptedModel, page: Page) -> Chat:
    page.goto("/")
    return Chat(page)


def test_the_detector_finds_injected_markup(chat: Chat, page: Page, detector: InjectionDetector) -> None:
    detector.check()
    page.route("https://example.com/**", lambda route: route.abort())
    chat.page.locator(".empty").evaluate(
        """place => place.insertAdjacentHTML("beforeend",
        '<img src=data: onerror=alert(1)><img src=https://example.com/x.png><a href=javascript:alert(2)>x</a>')"""
    )
    wait_until(
        page, lambda: detector.dialogs or sum("violates the policy" in error for error in detector.browser_errors) == 2
    )
    assert len(detector.injected_markup()) == 4
    assert detector.browser_errors
    policy_is_kept = any("violates the policy: script-src" in error for error in detector.browser_errors)
    assert policy_is_kept or detector.dialogs == ["alert: 1"]
    assert not policy_is_kept or sum("violates the policy" in error for error in detector.browser_errors) == 2


def ask_and_reload(chat: Chat, detector: InjectionDetector, question: str, *, shows: str) -> None:
    chat.ask(question)
    expect(chat.answer).to_have_attribute("data-status", "complete", timeout=PAGE_TIMEOUT_MS)
    expect(chat.answer.locator(".message-footer")).to_contain_text("tokens")
    expect(chat.answer).to_contain_text(shows)
    detector.check()
    chat.page.reload()
    expect(chat.answer).to_contain_text(shows)
    detector.check()


@pytest.mark.parametrize("form", ["quoted separately", "concatenated"])
def test_hostile_answers_and_questions_are_shown_as_text(
    form: str, chat: Chat, detector: InjectionDetector, model: ScriptedModel
) -> None:
    written = quoted(ALL_INPUTS) if form == "quoted separately" else "\n\n".join(HOSTILE_INPUTS)
    model.reply = [*streamed(f"{written}\n\n"), text("```\n```\nThat is all."), *ENDING]
    question = "\n\n".join(HOSTILE_INPUTS).replace("\0", "")
    ask_and_reload(chat, detector, question, shows="That is all.")


def test_every_prefix_of_a_hostile_text_is_shown_as_text_while_streaming(
    chat: Chat, detector: InjectionDetector
) -> None:
    drawn = chat.page.evaluate(DRAW_EVERY_PREFIX, HOSTILE_INPUTS)
    assert drawn > 0.9 * sum(map(len, HOSTILE_INPUTS))
    detector.check()


def test_hostile_thinking_tool_calls_and_results_are_shown_as_text(
    chat: Chat, detector: InjectionDetector, model: ScriptedModel
) -> None:
    replies: Iterator[Reply] = iter(
        [
            calls(
                *map(thinking, in_pieces("\n\n".join(ALL_INPUTS))),
                tool_call("write_file", {"path": "hostile.md", "content": "\n\n".join(HOSTILE_INPUTS)}),
                tool_call("read_file", {"path": "hostile.md"}, call_id="call_2", index=1),
                tool_call("write_file", "", call_id="call_3", index=2),
                *(tool_arguments(piece, index=2) for piece in in_pieces("\n\n".join(HOSTILE_INPUTS))),
                *(
                    tool_call(name, {name: name}, call_id=f"call_{index}", index=index)
                    for index, name in enumerate(HOSTILE_INPUTS[:40], start=3)
                ),
                *(
                    tool_call("write_file", {"path": name, "content": name}, call_id=f"call_{index}", index=index)
                    for index, name in enumerate(HOSTILE_INPUTS[40:70], start=43)
                ),
            ),
            calls(
                tool_call("read_file", {"path": "hostile.md"}),
                tool_call("list_files", {}, call_id="call_2", index=1),
                tool_call("calculator", {"expression": HOSTILE_INPUTS[0]}, call_id="call_3", index=2),
            ),
            [text("That is all."), *ENDING],
        ]
    )
    model.reply = lambda request: next(replies)
    ask_and_reload(chat, detector, "Use your tools", shows="That is all.")
    results = chat.answer.locator('[data-part="result"]')
    assert any("onerror=alert(1)" in result for result in results.all_text_contents())
    for step in chat.answer.locator("details[data-step]").all()[:6]:
        step.locator("summary").first.click()
    detector.check()
