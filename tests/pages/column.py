"""The column as a person uses it."""

from __future__ import annotations

import secrets

from playwright.sync_api import Locator, Page, expect

from tests.pages.browsing import Chat


class Column:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.list = page.locator("#conversations")
        self.menu = page.locator("#conversation-menu")
        self.toast = page.get_by_role("status").filter(has=page.get_by_role("button", name="Undo"))

    def item(self, title: str) -> Locator:
        return self.list.locator(".conversation").filter(has_text=title)

    def heading_of(self, title: str) -> Locator:
        return self.list.locator(".period").filter(has=self.page.get_by_text(title, exact=True)).locator("h2")

    def choose(self, title: str, action: str) -> None:
        """From the conversation's menu, on the tab in front: one behind it draws late."""
        self.page.bring_to_front()
        self.item(title).hover()
        self.item(title).get_by_role("button").click()
        self.menu.get_by_role("menuitem", name=action, exact=True).click()


def begin(chat: Chat, about: str = "whales") -> str:
    """A conversation with a title that no other has."""
    title = f"{about} {secrets.token_hex(4)}"
    chat.ask(title)
    expect(chat.answer).to_have_attribute("data-status", "complete")
    expect(Column(chat.page).item(title)).to_have_count(1)
    return title
