"""With reduced motion nothing is animated: changes apply immediately."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.modelserver import Gate, answer, wait_for
from tests.pages.axe import THEMES
from tests.pages.browsing import Chat, ScriptedModel

COLORS = """() => [document.body, ...document.querySelectorAll(".suggestion span, .suggestion, main h1")]
    .map(element => getComputedStyle(element).color)"""


@pytest.fixture(autouse=True)
def reduced_motion(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce", color_scheme="light")


def test_a_theme_change_applies_immediately_to_every_element(page: Page, browser_errors: list[str]) -> None:
    page.goto("/")
    for theme in THEMES * 2:
        page.emulate_media(reduced_motion="reduce", color_scheme=theme)
        immediate_colors = page.evaluate(COLORS)
        assert page.evaluate("document.getAnimations().length") == 0
        page.wait_for_timeout(200)
        assert immediate_colors == page.evaluate(COLORS)


def test_nothing_is_animated_while_waiting_for_an_answer(chat: Chat, page: Page, model: ScriptedModel) -> None:
    gate = Gate()
    model.reply = lambda request: [wait_for(gate), *answer("Once upon a time")]
    chat.ask("Tell me")
    expect(page.locator(".working")).to_be_visible()
    assert page.evaluate("document.getAnimations().length") == 0
    gate.open()
    expect(chat.answer).to_have_attribute("data-status", "complete")
