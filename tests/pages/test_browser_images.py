"""Images are loaded only from the hosts in IMAGE_HOSTS; other images become links."""

from __future__ import annotations

import base64
import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.modelserver import Gate, Part, done, finish, text, usage, wait_for
from tests.pages.browsing import TRUSTED_IMAGES, Chat, ScriptedModel

pytestmark = pytest.mark.requires_node
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
TRUSTED = f"https://{TRUSTED_IMAGES}"
ENDING: list[Part] = [finish(), usage(), done()]


@pytest.fixture
def requested_images(page: Page) -> list[str]:
    """Returns the URLs of images requested from other hosts."""
    found: list[str] = []

    def answer(route: Route) -> None:
        found.append(route.request.url)
        assert "referer" not in route.request.headers
        if "missing" in route.request.url:
            route.fulfill(status=404)
        else:
            route.fulfill(body=PIXEL, content_type="image/png")

    page.route(re.compile("https://"), answer)
    return found


@pytest.fixture
def chat(model: ScriptedModel, page: Page, requested_images: list[str]) -> Chat:
    page.goto("/")
    return Chat(page)


def test_an_image_from_a_trusted_host_is_shown_live_and_after_a_reload(
    chat: Chat, page: Page, model: ScriptedModel, requested_images: list[str]
) -> None:
    gate = Gate()
    model.reply = [text(f"See ![a *whale*]({TRUSTED}/wh"), text("ale.png)\n\nBig"), wait_for(gate), text("."), *ENDING]
    chat.ask("Show me.")
    image = chat.steps("text").get_by_role("img", name="a whale")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.naturalWidth") == 1
    image.evaluate("image => (image.wasLive = true)")
    gate.open()
    expect(chat.answer.locator(".message-footer")).to_contain_text("tokens")
    page.wait_for_timeout(300)
    assert image.evaluate("image => image.wasLive")
    assert requested_images == [f"{TRUSTED}/whale.png"]
    page.reload()
    expect(image).to_be_visible()
    expect(chat.steps("text").locator("a.image")).to_have_attribute("href", f"{TRUSTED}/whale.png")


def test_images_from_other_hosts_are_links(
    chat: Chat, page: Page, model: ScriptedModel, requested_images: list[str]
) -> None:
    others = ["https://images.example", f"http://{TRUSTED_IMAGES}", f"{TRUSTED}:8443", f"{TRUSTED}.evil.example"]
    model.reply = [text("\n\n".join(f"![whale {n}]({other}/x.png)" for n, other in enumerate(others))), *ENDING]
    chat.ask("Show me.")
    for _ in ("while streaming", "after a reload"):
        expect(chat.steps("text").locator("a.image")).to_have_text([f"whale {n}" for n in range(len(others))])
        expect(chat.answer.locator(".message-footer")).to_contain_text("tokens")
        expect(chat.steps("text").locator("img")).to_have_count(0)
        page.reload()
    assert requested_images == []


def test_a_missing_image_shows_its_alt_text(chat: Chat, model: ScriptedModel, requested_images: list[str]) -> None:
    model.reply = [text(f"![a whale]({TRUSTED}/missing.png)"), *ENDING]
    chat.ask("Show me.")
    expect(chat.steps("text").locator("a.image")).to_have_text("a whale")
    assert requested_images
