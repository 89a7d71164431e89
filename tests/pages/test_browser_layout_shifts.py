"""What the reader looks at stays where it is while an answer comes, and when the server's rendering takes its place."""

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

OBSERVE = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const { value, hadRecentInput, sources } of list.getEntries()) {
    const moved = sources.map(({ node, previousRect: was, currentRect: is }) =>
      `${node?.nodeName} ${node?.className}: ${was.y} + ${was.height} -> ${is.y} + ${is.height}`);
    if (!hadRecentInput) shifts.push({ value, moved });
  }
}).observe({ type: "layout-shift", buffered: true });
"""
MOST = 0.02
"""Of what the browser calls cumulative layout shift; from 0.1 on people are said to notice."""
INPUT_COUNTS_FOR = 0.6
"""Seconds after a key or click in which the browser takes movement for what was asked for."""
LONG_ENOUGH_TO_PAINT = 0.7
PARAGRAPH = "Whales sing **long** songs, with `rhymes`, which they learn from each other over thousands of miles.\n\n"
MIXED = """## Songs

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


def watch_shifts(page: Page) -> None:
    page.add_init_script(OBSERVE)
    page.reload(wait_until="networkidle")


@contextmanager
def in_two_pieces(site: str, between: str, cookies: str) -> Iterator[str]:
    """The address of a proxy behind which the page of a new chat comes in two pieces, the second from `between` on."""

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
                time.sleep(LONG_ENOUGH_TO_PAINT)
            self.wfile.write(mark + rest)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def total(page: Page) -> tuple[float, Any]:
    shifts = page.evaluate("() => shifts")
    return sum(shift["value"] for shift in shifts), shifts


@pytest.mark.parametrize("width", [1280, 375])
def test_a_slowly_loading_page_does_not_shift(width: int, site: str, signed_in: StorageState, page: Page) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.add_init_script(OBSERVE)
    cookies = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in signed_in["cookies"])
    with in_two_pieces(site, "data-suggestion", cookies) as address:
        page.goto(address)
        expect(page.locator(".suggestion").last).to_be_visible()
        page.wait_for_timeout(500)
        moved, shifts = total(page)
    assert moved < MOST, shifts


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("length", [1, 12], ids=["an answer that fits in the window", "a long answer"])
def test_an_answer_does_not_shift_from_its_first_word_to_the_stored_rendering(
    length: int, width: int, chat: Chat, page: Page, model: ScriptedModel
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    watch_shifts(page)
    model.reply = [pause(INPUT_COUNTS_FOR), *streamed((PARAGRAPH + MIXED) * length), finish(), usage(), done()]
    chat.ask("Tell me of whales")
    expect(chat.answer.locator(".message-footer")).to_contain_text("tokens", timeout=30_000)
    expect(chat.answer.locator("table").last).to_be_visible()
    page.wait_for_timeout(500)  # what comes late, comes within it
    moved, shifts = total(page)
    assert moved < MOST, shifts


def test_collapsing_thinking_and_tool_calls_do_not_shift_the_page(chat: Chat, page: Page, model: ScriptedModel) -> None:
    """The fold of what was thought moves what is below it, which is nothing yet."""
    watch_shifts(page)
    called = calls(
        pause(INPUT_COUNTS_FOR),
        *(part for word in PARAGRAPH.split(" ") for part in (thinking(f"{word} "), pause(0.01))),
        tool_call("calculator", {"expression": "6*7"}),
    )
    replies = iter([called, [*streamed(PARAGRAPH + MIXED), finish(), usage(), done()]])
    model.reply = lambda request: next(replies)
    chat.ask("Think, reckon and tell")
    expect(chat.answer.locator(".message-footer")).to_contain_text("tokens", timeout=30_000)
    expect(chat.answer.locator("table").last).to_be_visible()
    page.wait_for_timeout(500)
    moved, shifts = total(page)
    assert moved < MOST, shifts


def test_a_scrolled_up_view_does_not_shift_while_the_answer_streams_and_ends(
    chat: Chat, page: Page, model: ScriptedModel
) -> None:
    watch_shifts(page)
    gate = Gate()
    model.reply = [
        *(text(PARAGRAPH + MIXED) for _ in range(10)),
        wait_for(gate),
        pause(INPUT_COUNTS_FOR),
        *streamed(PARAGRAPH + MIXED),
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
    moved, shifts = total(page)
    assert moved < MOST, shifts
