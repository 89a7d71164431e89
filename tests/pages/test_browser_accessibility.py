"""Pages and their states pass axe-core's accessibility rules, in light and dark, on a large and a small screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.clone import Clone
from tests.modelserver import (
    Gate,
    answer,
    calls,
    done,
    finish,
    status,
    text,
    thinking,
    threaded_model_server,
    tool_call,
    usage,
    wait_for,
)
from tests.pages.axe import SCREENS, violations, violations_by_appearance
from tests.pages.browsing import Chat, ScriptedModel, WebSocketProxy, running_server

pytestmark = pytest.mark.requires_node
ALL_ELEMENTS = """# Whales

A *blue* whale is **30 m** long[^1], ~~a bus~~ and `balaenoptera`.
See <https://example.com/whales> or [this](https://example.com "A title").

## Sizes

1. First
   - inner
2. Second

- [x] blue
- [ ] grey

> They sing.
>
> > At night too.

| whale | length |
| :---- | -----: |
| blue  |     30 |
| grey  |     15 |

```python
def sing():
    return 6 * 7  # songs
```

```
no language, and a line so long that it has to be scrolled: LONG_LINE
```

| a | table | that | is | wider | than | the | page | on | every | telephone | there | is |
| - | ----- | ---- | -- | ----- | ---- | --- | ---- | -- | ----- | --------- | ----- | -- |
| one | two | three | four | five | six | seven | eight | nine | ten | eleven | twelve | thirteen |

Inline $e^{i\\pi} = -1$ and a block:

$$\\int_0^1 x^2 \\, dx = \\frac{1}{3}$$

---

![a whale](https://example.com/whale.png)

[^1]: Some are longer.
""".replace("LONG_LINE", "word " * 60)


@pytest.fixture
def visitor(browser: Browser, site: str, signed_in_state: StorageState) -> Iterator[Page]:
    """Yields the page of a visitor who is not signed in, on a site that has users."""
    with browser.new_context(base_url=site) as context:
        yield context.new_page()


def test_the_sign_in_page_and_its_error_are_accessible(visitor: Page) -> None:
    visitor.goto("/sign-in/")
    assert violations_by_appearance(visitor) == {}
    visitor.get_by_label("Username").fill("ada")
    visitor.get_by_label("Password").fill("wrong")
    visitor.get_by_role("button", name="Sign in").click()
    expect(visitor.get_by_role("alert")).to_be_visible()
    assert violations_by_appearance(visitor) == {}


def test_the_first_start_page_and_its_errors_are_accessible(
    browser: Browser, installed_clone: Clone, model: ScriptedModel, tmp_path: Path
) -> None:
    with (
        threaded_model_server(model) as server,
        running_server(installed_clone, tmp_path, server.base_url) as address,
        browser.new_context() as context,
    ):
        page = context.new_page()
        page.goto(address)
        assert violations_by_appearance(page) == {}
        page.get_by_label("Username").fill("ada")
        page.get_by_label("Password", exact=True).fill("12345678")
        page.get_by_label("Repeat the password").fill("87654321")
        page.get_by_role("button", name="Create account").click()
        expect(page.get_by_role("alert").first).to_be_visible()
        assert violations_by_appearance(page) == {}


def test_a_new_chat_is_accessible(chat: Chat, page: Page) -> None:
    assert violations_by_appearance(page) == {}


def test_an_answer_with_every_element_is_accessible_while_streaming_and_when_finished(
    chat: Chat, page: Page, model: ScriptedModel
) -> None:
    thinking_gate, tool_gate, text_gate = Gate(), Gate(), Gate()
    replies = iter(
        [
            calls(
                *(thinking("They ask for **much**."), wait_for(thinking_gate)),
                *(tool_call("calculator", {"expression": "6*7"}), wait_for(tool_gate)),
            ),
            calls(tool_call("calculator", {"expression": "1/0"}, call_id="call_2")),
            [text(ALL_ELEMENTS), wait_for(text_gate), finish(), usage(), done()],
        ]
    )
    model.reply = lambda request: next(replies)
    chat.ask("Tell me everything about whales")

    expect(chat.steps("thinking")).to_contain_text("They ask")
    assert violations_by_appearance(page) == {}
    thinking_gate.open()
    expect(chat.steps("tool_call")).to_contain_text("calculator")
    assert violations_by_appearance(page) == {}
    tool_gate.open()
    expect(chat.steps("text")).to_contain_text("At night too.")
    assert violations_by_appearance(page) == {}
    text_gate.open()
    expect(chat.answer).to_have_attribute("data-status", "complete")
    expect(chat.answer.locator("table").first).to_be_visible()
    assert violations_by_appearance(page) == {}
    for step in chat.answer.locator("details[data-step]").all():
        step.locator("summary").first.click()
    assert violations_by_appearance(page) == {}
    page.reload()
    assert violations_by_appearance(page) == {}


def test_a_failed_answer_is_accessible(chat: Chat, page: Page, model: ScriptedModel) -> None:
    model.reply = status(503)
    chat.ask("Do whales sing?")
    expect(chat.answer.locator(".failure")).to_be_visible()
    assert violations_by_appearance(page) == {}


def test_a_stopped_answer_is_accessible(chat: Chat, page: Page, model: ScriptedModel) -> None:
    model.reply = [text("Once upon"), wait_for(Gate())]
    chat.ask("Tell me a long story")
    expect(chat.steps("text")).to_have_text("Once upon")
    chat.stop.click()
    expect(chat.answer).to_contain_text("You stopped this answer.")
    assert violations_by_appearance(page) == {}


def test_a_refused_message_is_accessible(chat: Chat, page: Page) -> None:
    chat.field.fill("x" * 200_001)
    chat.send.click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert violations_by_appearance(page) == {}


def test_a_page_without_a_connection_is_accessible(
    websocket: WebSocketProxy, chat: Chat, page: Page, browser_errors: list[str]
) -> None:
    websocket.go_offline()
    expect(chat.connection_bar).to_be_visible()
    assert violations_by_appearance(page) == {}
    # axe blocks the page for so long that it may give up on a connection that is about to be refused
    browser_errors[:] = [each for each in browser_errors if "closed before the connection is established" not in each]


def test_a_conversation_scrolled_up_is_accessible(chat: Chat, page: Page, model: ScriptedModel) -> None:
    model.reply = answer("\n\n".join(f"Verse {number}" for number in range(100)))
    chat.ask("Sing")
    expect(chat.answer).to_have_attribute("data-status", "complete")
    page.locator("#scroller").evaluate("one => one.scrollTop = 0")
    expect(page.locator("#jump")).to_be_visible()
    assert violations_by_appearance(page) == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_drawer_on_a_small_screen_is_accessible(theme: str, chat: Chat, page: Page) -> None:
    width, height = SCREENS["small"]
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": height})
    page.get_by_role("button", name="Conversations").click()
    expect(page.locator("#sidebar")).to_be_visible()
    assert violations(page) == []


def test_error_pages_are_accessible(page: Page) -> None:
    page.goto("/nowhere/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert violations_by_appearance(page) == {}
    page.goto("/c/00000000-0000-0000-0000-000000000000/")
    assert violations_by_appearance(page) == {}


def test_the_csrf_error_page_is_accessible(visitor: Page) -> None:
    visitor.goto("/sign-in/")
    visitor.locator("[name=csrfmiddlewaretoken]").evaluate("one => one.value = 'x'.repeat(64)")
    visitor.get_by_label("Username").fill("ada")
    visitor.get_by_label("Password").fill("wrong")
    visitor.get_by_role("button", name="Sign in").click()
    expect(visitor.get_by_role("button", name="Sign in")).to_have_count(0)
    assert violations_by_appearance(visitor) == {}
