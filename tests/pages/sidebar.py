"""The sidebar as a user operates it."""

from __future__ import annotations

import secrets

from playwright.sync_api import Locator, Page, expect

from tests.pages.browsing import Chat


class Sidebar:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.list = page.locator("#conversations")
        self.menu = page.locator("#conversation-menu")
        self.toast = page.get_by_role("status").filter(has=page.get_by_role("button", name="Undo"))

    def item(self, title: str) -> Locator:
        return self.list.locator(".conversation").filter(has_text=title)

    def section_heading(self, title: str) -> Locator:
        return self.list.locator(".period").filter(has=self.page.get_by_text(title, exact=True)).locator("h2")

    def choose_action(self, title: str, action: str) -> None:
        """Chooses an action in a conversation's menu, with the tab in front because background tabs draw late."""
        self.page.bring_to_front()
        self.item(title).hover()
        self.item(title).get_by_role("button").click()
        self.menu.get_by_role("menuitem", name=action, exact=True).click()


def start_conversation(chat: Chat, about: str = "whales") -> str:
    """Starts a conversation with a unique title and returns the title."""
    title = f"{about} {secrets.token_hex(4)}"
    chat.ask(title)
    expect(chat.answer).to_have_attribute("data-status", "complete")
    expect(Sidebar(chat.page).item(title)).to_have_count(1)
    return title
