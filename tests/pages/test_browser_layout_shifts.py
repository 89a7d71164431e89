"""The page does not shift while an answer streams, nor when the server's rendering replaces it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, StorageState, expect

from tests.modelserver import Gate, Part, calls, done, finish, pause, text, thinking, tool_call, usage, wait_for
from tests.pages.browsing import Chat, ScriptedModel

OBSERVE_LAYOUT_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const { value, hadRecentInput, sources } of list.getEntries()) {
    const moved = sources.map(({ node, previousRect: was, currentRect: is }) =>
      `${node?.nodeName} ${node?.className}: ${was.y} + ${was.height} -> ${is.y} + ${is.height}`);
    if (!hadRecentInput) shifts.push({ value, moved });
  }
}).observe({ type: "layout-shift", buffered: true });
"""
MAX_LAYOUT_SHIFT = 0.02
"""Cumulative layout shift as the browser measures it; users notice it from about 0.1."""
RECENT_INPUT_SECONDS = 0.6
"""Seconds after a key or click in which the browser attributes shifts to the user's input."""
FIRST_PAINT_SECONDS = 0.7
PARAGRAPH = "Whales sing **long** songs, with `rhymes`, which they learn from each other over thousands of miles.\n\n"
BLOCKS = """## Songs

- one
- two

```python
print("sing")
```

| a | b |
| - | - |
| 1 | 2 |

$$x^2$$

> So.

"""


def streamed(source: str, *, every: float = 0.01) -> list[Part]:
    words = source.split(" ")
    return [part for word in words for part in (text(f"{word} "), pause(every))]


def record_layout_shifts(page: Page) -> None:
    page.add_init_script(OBSERVE_LAYOUT_SHIFTS)
    page.reload(wait_until="networkidle")


@contextmanager
def page_in_two_parts(site: str, between: str, cookies: str) -> Iterator[str]:
    """Yields the URL of a proxy that sends a new chat's page in two parts, the second starting at `between`."""

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server = HTTPConnection(urlsplit(site).netloc)
            server.request("GET", self.path, headers={"Cookie": cookies})
            reply = server.getresponse()
            body = reply.read()
            server.close()
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.headers["Content-Type"])
            self.end_headers()
            start, mark, rest = body.partition(between.encode())
            self.wfile.write(start)
            if mark:
                time.sleep(FIRST_PAINT_SECONDS)
            self.wfile.write(mark + rest)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def layout_shift(page: Page) -> tuple[float, Any]:
    shifts = page.evaluate("() => shifts")
    return sum(shift["value"] for shift in shifts), shifts


@pytest.mark.parametrize("width", [1280, 375])
def test_a_slowly_loading_page_does_not_shift(width: int, site: str, signed_in_state: StorageState, page: Page) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.add_init_script(OBSERVE_LAYOUT_SHIFTS)
    cookies = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in signed_in_state["cookies"])
    with page_in_two_parts(site, "data-suggestion", cookies) as address:
        page.goto(address)
        expect(page.locator(".suggestion").last).to_be_visible()
        page.wait_for_timeout(500)
        moved, shifts = layout_shift(page)
    assert moved < MAX_LAYOUT_SHIFT, shifts


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("length", [1, 12], ids=["an answer that fits in the window", "a long answer"])
def test_an_answer_does_not_shift_from_its_first_word_to_the_stored_rendering(
    length: int, width: int, chat: Chat, page: Page, model: ScriptedModel
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    record_layout_shifts(page)
    model.reply = [pause(RECENT_INPUT_SECONDS), *streamed((PARAGRAPH + BLOCKS) * length), finish(), usage(), done()]
    chat.ask("Tell me of whales")
    expect(chat.answer.locator(".message-footer")).to_contain_text("tokens", timeout=30_000)
    expect(chat.answer.locator("table").last).to_be_visible()
    page.wait_for_timeout(500)  # for late shifts
    moved, shifts = layout_shift(page)
    assert moved < MAX_LAYOUT_SHIFT, shifts


def test_collapsing_thinking_and_tool_calls_do_not_shift_the_page(chat: Chat, page: Page, model: ScriptedModel) -> None:
    """Collapsing thinking moves only what is below it, which is still empty."""
    record_layout_shifts(page)
    called = calls(
        pause(RECENT_INPUT_SECONDS),
        *(part for word in PARAGRAPH.split(" ") for part in (thinking(f"{word} "), pause(0.01))),
        tool_call("calculator", {"expression": "6*7"}),
    )
    replies = iter([called, [*streamed(PARAGRAPH + BLOCKS), finish(), usage(), done()]])
    model.reply = lambda request: next(replies)
    chat.ask("Think, reckon and tell")
    expect(chat.answer.locator(".message-footer")).to_contain_text("tokens", timeout=30_000)
    expect(chat.answer.locator("table").last).to_be_visible()
    page.wait_for_timeout(500)
    moved, shifts = layout_shift(page)
    assert moved < MAX_LAYOUT_SHIFT, shifts


def test_a_scrolled_up_view_does_not_shift_while_the_answer_streams_and_ends(
    chat: Chat, page: Page, model: ScriptedModel
) -> None:
    record_layout_shifts(page)
    gate = Gate()
    model.reply = [
        *(text(PARAGRAPH + BLOCKS) for _ in range(10)),
        wait_for(gate),
        pause(RECENT_INPUT_SECONDS),
        *streamed(PARAGRAPH + BLOCKS),
        *(finish(), usage(), done()),
    ]
    chat.ask("Tell me of whales")
    expect(chat.steps("text").locator("h2")).to_have_count(10)
    page.mouse.move(640, 400)
    page.mouse.wheel(0, -800)
    expect(page.locator("#jump")).to_be_visible()
    heading = chat.steps("text").locator("h2").nth(7)
    before = heading.bounding_box()
    gate.open()
    expect(chat.answer.locator(".message-footer")).to_contain_text("tokens", timeout=30_000)
    expect(chat.answer.locator("table")).to_have_count(11)
    page.wait_for_timeout(500)
    after = heading.bounding_box()
    assert before
    assert after
    assert abs(after["y"] - before["y"]) < 1
    moved, shifts = layout_shift(page)
    assert moved < MAX_LAYOUT_SHIFT, shifts
