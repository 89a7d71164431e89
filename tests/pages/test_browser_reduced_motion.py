"""Who asks for less motion sees none: what changes is there at once."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.modelserver import Gate, answer, wait_for
from tests.pages.axe import THEMES
from tests.pages.browsing import Chat, ScriptedModel

COLORS = """() => [document.body, ...document.querySelectorAll(".suggestion span, .suggestion, main h1")]
    .map(element => getComputedStyle(element).color)"""


@pytest.fixture(autouse=True)
def quiet(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce", color_scheme="light")


def test_a_theme_change_applies_immediately_to_every_element(page: Page, complaints: list[str]) -> None:
    page.goto("/")
    for theme in THEMES * 2:
        page.emulate_media(reduced_motion="reduce", color_scheme=theme)
        at_once = page.evaluate(COLORS)
        assert page.evaluate("document.getAnimations().length") == 0
        page.wait_for_timeout(200)
        assert at_once == page.evaluate(COLORS)


def test_nothing_is_animated_while_waiting_for_an_answer(chat: Chat, page: Page, model: ScriptedModel) -> None:
    gate = Gate()
    model.reply = lambda request: [wait_for(gate), *answer("Once upon a time")]
    chat.ask("Tell me")
    expect(page.locator(".working")).to_be_visible()
    assert page.evaluate("document.getAnimations().length") == 0
    gate.open()
    expect(chat.answer).to_have_attribute("data-status", "complete")
