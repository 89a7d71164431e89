"""Long thinking, arguments and results are truncated, and shown in full on request."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.modelserver import Gate, answer, calls, done, finish, text, thinking, tool_call, usage, wait_for
from tests.pages.browsing import Chat, ScriptedModel, wait_until

LINES = "".join(f"line {number} of many\n" for number in range(6_000))
"""About 110 KB."""


@pytest.fixture
def chat_with_long_file(chat: Chat, page: Page, model: ScriptedModel) -> Chat:
    """Returns a chat with an answer that wrote a long file."""
    replies = iter([calls(tool_call("write_file", {"path": "long.txt", "content": LINES})), answer("Written.")])
    model.reply = lambda request: next(replies)
    chat.ask("Write much")
    chat.wait_for_answer("Written.")
    return chat


@pytest.mark.parametrize("when", ["live", "reloaded"])
def test_long_arguments_are_truncated_until_show_all_is_clicked(
    when: str, chat_with_long_file: Chat, page: Page
) -> None:
    if when == "reloaded":
        page.reload()
    card = chat_with_long_file.steps("tool_call")
    card.locator("summary").click()
    arguments = card.locator('[data-part="arguments"]')
    assert len(arguments.inner_text()) <= 20_000
    card.get_by_role("button", name="Show all").click()
    wait_until(page, "document.querySelector('[data-part=arguments]').textContent.includes('line 5999')")
    shown = arguments.evaluate("place => place.textContent")
    assert json.loads(shown) == {"path": "long.txt", "content": LINES}
    assert card.get_by_role("button", name="Show all").is_hidden()


def test_a_result_of_a_megabyte_is_truncated_until_show_all_is_clicked(
    chat: Chat, page: Page, model: ScriptedModel, database_path: Path
) -> None:
    replies = iter([calls(tool_call("calculator", {"expression": "6*7"})), answer("Done.")])
    model.reply = lambda request: next(replies)
    chat.ask("What is 6*7?")
    chat.wait_for_answer("Done.")
    result = "".join(f"row {number} of the result\n" for number in range(45_000))
    content = json.dumps({"success": True, "result": result, "execution_time": 0.1})
    assert len(content) > 1_000_000
    with closing(sqlite3.connect(database_path, timeout=10)) as connection, connection:
        connection.execute(
            "UPDATE conversations_step SET content = ?, size = ? WHERE type = 'tool_result' AND message_id = ?",
            (content, len(content), (chat.answer.get_attribute("data-message") or "").replace("-", "")),
        )
    page.reload()
    assert len(page.content()) < 200_000
    card = chat.steps("tool_call")
    card.locator("summary").click()
    shown = card.locator('[data-part="result"]')
    assert shown.evaluate("place => place.textContent") == result[:20_000]
    card.get_by_role("button", name="Show all (1.1 MB)").click()
    wait_until(page, "document.querySelector('[data-part=result]').textContent.includes('row 44999')")
    assert shown.evaluate("place => place.textContent") == result


def test_long_thinking_stays_small_while_streaming_and_shows_its_end(
    chat: Chat, page: Page, model: ScriptedModel
) -> None:
    thought, gate = "".join(f"thought {number}.\n" for number in range(4_000)), Gate()
    assert len(thought) > 50_000
    pieces = [thinking(thought[at : at + 500]) for at in range(0, len(thought), 500)]
    model.reply = [*pieces, wait_for(gate), text("So it is."), finish(), usage(), done()]
    chat.ask("Think hard")
    step = chat.steps("thinking")
    expect(step).to_contain_text("thought 3999.")
    box = step.bounding_box()
    assert box
    assert box["height"] < 300
    wait_until(
        page, "(p => p.scrollHeight - p.scrollTop - p.clientHeight < 40)(document.querySelector('.thinking-text'))"
    )
    gate.open()
    chat.wait_for_answer("So it is.")
    expect(step).not_to_have_attribute("open", "")
    assert step.locator('[data-part="content"]').evaluate("place => place.textContent") == thought
