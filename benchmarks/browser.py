"""Measures the page in a browser: how responsive it is while a long answer streams, and how fast a conversation opens.

The answer has prose, a table and a code block of thousands of lines. The delay of timers shows how busy the page is.
Typing is measured from the key event to the end of the frame that shows it, with that of an idle page as `floor`.
"""

from __future__ import annotations

from benchmarks.rig import site  # isort: skip  it sets Django up

import argparse
import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, sync_playwright

from accounts.models import User
from benchmarks.pages import make_conversation
from benchmarks.rig.programs import Cores, Programs, ServerKind
from benchmarks.rig.report import Figure, Report, option_parser
from chatsite.preparation import collect_static_files
from tests.modelserver import MODEL, Part, Pause, done, finish, text, threaded_model_server, usage
from tests.programs import chromium

TASK_BAR_MS, OPEN_BAR_MS, FRAME_MS = 50.0, 500.0, 1000 / 60
CHARACTERS_PER_TOKEN, TOKENS_PER_CHUNK = 4, 5
KEY_COUNT = 40
TIMEOUT_MS = 600_000
PROSE = "The **relay** keeps a `cursor` for each who follows: *how much* of the answer they have [seen](https://a.example).\n\n"
ROW = "| the relay | `cursor` | 12,345 |\n"
LINE = "    total += weights[index] * values[index]  # as far as it was seen\n"
OBSERVER_SCRIPT = """
() => {
  const observed = (window.observed = { late: [], long: [], keys: [] });
  let due = performance.now() + 10;
  setInterval(() => {
    const now = performance.now();
    observed.late.push(Math.max(0, now - due));
    due = now + 10;
  }, 10);
  const tasks = new PerformanceObserver((list) => {
    observed.long.push(...list.getEntries().map(({ duration }) => duration));
  });
  tasks.observe({ type: "longtask" });
  document.getElementById("composer-text").addEventListener("input", ({ timeStamp }) => {
    requestAnimationFrame(() => setTimeout(() => observed.keys.push(performance.now() - timeStamp)));
  });
}
"""


def long_answer(size: int) -> str:
    """Returns an answer of about `size` characters, of which two thirds are code."""
    code = "```python\n" + LINE * (size * 2 // 3 // len(LINE)) + "```\n\n"
    table = "| who | what | how much |\n|:--|:-:|--:|\n" + ROW * (size // 6 // len(ROW)) + "\n"
    return PROSE * (size // 6 // len(PROSE)) + table + code + "The end."


def stream_parts(answer: str, rate: int) -> Iterator[Part]:
    """Yields the parts of a reply that streams `rate` tokens per second, several in each chunk."""
    step = CHARACTERS_PER_TOKEN * TOKENS_PER_CHUNK
    for start in range(0, len(answer), step):
        yield text(answer[start : start + step])
        yield Pause(TOKENS_PER_CHUNK / rate)
    yield from (finish(), usage(), done())


def percentile(values: list[float], share: float) -> float | None:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else None


def measure_streaming(report: Report, page: Page, address: str) -> None:
    page.goto(address)
    page.evaluate(OBSERVER_SCRIPT)
    idle = type_keys(page)
    page.get_by_label("Message", exact=True).fill("Go on.")
    page.get_by_label("Message", exact=True).press("Enter")
    page.locator(".answer .prose").wait_for(timeout=TIMEOUT_MS)
    page.evaluate("() => { observed.late.length = observed.long.length = observed.keys.length = 0 }")
    keys = type_keys(page)
    page.locator(".answer[data-status=complete]").wait_for(timeout=TIMEOUT_MS)
    page.wait_for_timeout(500)
    observed: dict[str, list[float]] = page.evaluate("observed")
    report.add(Figure("streaming: timer delay, p99", "ms", percentile(observed["late"], 0.99), bar=TASK_BAR_MS))
    report.add(Figure("streaming: tasks over 50 ms", "", len(observed["long"])))
    report.add(Figure("streaming: longest task over 50 ms", "ms", max(observed["long"], default=0.0)))
    report.add(
        Figure("streaming: key to frame, p95", "ms", percentile(keys, 0.95), bar=FRAME_MS, floor=percentile(idle, 0.95))
    )
    report.details["late_ms"] = {str(share): percentile(observed["late"], share) for share in (0.5, 0.9, 0.99, 0.999)}
    report.details["long_tasks_ms"] = observed["long"]


def type_keys(page: Page) -> list[float]:
    """Types into the message field. Returns the milliseconds from each key to its frame."""
    field = page.get_by_label("Message", exact=True)
    field.fill("")
    before = len(page.evaluate("observed.keys"))
    for _ in range(KEY_COUNT):
        field.press("a")
        page.wait_for_timeout(30)
    keys: list[float] = page.evaluate("observed.keys")
    field.fill("")
    return keys[before:]


def measure_opening(report: Report, page: Page, address: str, messages: int, rounds: int) -> None:
    times: list[float] = []
    for _ in range(rounds):
        page.goto(address)
        timing: dict[str, Any] = page.evaluate("performance.getEntriesByType('navigation')[0].toJSON()")
        times.append(timing["domContentLoadedEventEnd"])
    report.add(Figure(f"opening {messages} messages, first time", "ms", times[0]))
    report.add(
        Figure(f"opening {messages} messages, until it can be used", "ms", statistics.median(times), bar=OPEN_BAR_MS)
    )
    report.details["opening_ms"] = times


@contextmanager
def signed_in_page(user: User, address: str) -> Iterator[Page]:
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    cookie = {
        "name": settings.SESSION_COOKIE_NAME,
        "value": client.cookies[settings.SESSION_COOKIE_NAME].value,
        "url": address,
    }
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]) as browser,
    ):
        context = browser.new_context()
        context.add_cookies([cookie])  # type: ignore[list-item]  # a plain dictionary instead of a TypedDict
        yield context.new_page()


def measure(options: argparse.Namespace, report: Report, folder: Path) -> None:
    user = User.objects.create_user("browser")
    conversation = make_conversation(user, options.messages)
    answer = list(stream_parts(long_answer(options.size), options.rate))
    with threaded_model_server(answer) as model:
        environment = {**site.settings, "LLM_BASE_URL": model.base_url, "LLM_MODEL": MODEL}
        programs = Programs(folder, Cores.of_machine())
        with programs.product(ServerKind("daphne"), environment, []) as served:
            address = f"http://127.0.0.1:{served.port}/"
            with signed_in_page(user, address) as page:
                measure_opening(report, page, f"{address}c/{conversation.pk}/", options.messages, options.rounds)
                measure_streaming(report, page, address)


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--size", type=int, default=100_000, help="characters of the answer")
    parser.add_argument("--rate", type=int, default=500, help="tokens per second, of four characters each")
    options = parser.parse_args()
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright runs an event loop in this thread
    report = Report("browser")
    collect_static_files()
    with tempfile.TemporaryDirectory(prefix="chatsite-browser-") as name:
        measure(options, report, Path(name))
    report.finish(options.results)


if __name__ == "__main__":
    main()
