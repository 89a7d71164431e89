"""The settings in a browser: scripts, small screens, right-to-left layout and accessibility."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.pages.axe import violations_by_appearance
from tests.pages.browsing import USERNAME, record_browser_errors, sign_in

PAGES = {
    "Profile": "/settings/",
    "Display": "/settings/display/",
    "Answers": "/settings/answers/",
    "Security": "/settings/security/",
    "API tokens": "/settings/tokens/",
}


@pytest.fixture
def other_device(browser: Browser, site: str, signed_in_state: object) -> Iterator[Page]:
    """Yields the page of Ada's other device, which has its own session and is in Tokyo."""
    with browser.new_context(base_url=site, timezone_id="Asia/Tokyo") as context:
        page = context.new_page()
        browser_errors = record_browser_errors(page)
        sign_in(page)
        yield page
        assert browser_errors == []


@pytest.mark.requires_node
def test_every_settings_page_is_accessible(page: Page, browser_errors: list[str]) -> None:
    for heading, address in PAGES.items():
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        assert violations_by_appearance(page) == {}, heading
    page.goto("/settings/delete-account/")
    assert violations_by_appearance(page) == {}


@pytest.mark.requires_node
def test_errors_appear_at_their_fields(page: Page, browser_errors: list[str]) -> None:
    page.goto("/settings/")
    page.get_by_label("Username").fill("a b")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Username")).to_have_value("a b")
    expect(page.get_by_label("Username")).to_have_attribute("aria-invalid", "true")
    assert violations_by_appearance(page) == {}


@pytest.mark.parametrize("width", [320, 375])
def test_every_section_link_is_visible_on_a_phone(page: Page, browser_errors: list[str], width: int) -> None:
    page.set_viewport_size({"width": width, "height": 720})
    page.goto("/settings/")
    sections = page.get_by_role("navigation", name="Settings").get_by_role("link")
    expect(sections).to_have_count(len(PAGES))
    for section in sections.all():
        expect(section).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("width", [320, 375])
def test_settings_pages_fit_a_phone(width: int, page: Page, browser_errors: list[str]) -> None:
    page.set_viewport_size({"width": width, "height": 720})
    for address in PAGES.values():
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        expect(page.locator(".settings-nav [aria-current]")).to_be_in_viewport(ratio=0.9)


def test_links_lead_from_the_chat_to_the_settings_and_back(page: Page, browser_errors: list[str]) -> None:
    page.goto("/")
    page.get_by_role("button", name=USERNAME).click()
    page.get_by_role("menuitem", name="Settings").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Profile")
    page.get_by_role("link", name="Back to the chat").click()
    expect(page.get_by_label("Message", exact=True)).to_be_visible()


def test_a_theme_is_previewed_when_selected_and_kept_when_saved(page: Page, browser_errors: list[str]) -> None:
    page.goto("/settings/display/")
    page.get_by_label("Dark").check(force=True)
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    page.get_by_label("System").check(force=True)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("html:not([data-theme])")).to_be_attached()


def test_the_browsers_time_zone_is_reported_automatically(other_device: Page) -> None:
    other_device.goto("/settings/display/")
    other_device.wait_for_load_state("networkidle")
    other_device.reload()
    expect(other_device.get_by_label("Time zone").locator("option:checked")).to_have_text(
        "Same as the browser (Asia/Tokyo)"
    )


def test_leaving_a_form_with_unsaved_changes_asks_first(page: Page, browser_errors: list[str]) -> None:
    page.goto("/settings/answers/")
    page.get_by_label("About you").fill("I keep bees.")
    dialog_types: list[str] = []

    def dismiss(dialog: object) -> None:
        dialog_types.append(dialog.type)  # type: ignore[attr-defined]
        dialog.dismiss()  # type: ignore[attr-defined]

    page.once("dialog", dismiss)
    page.get_by_role("link", name="Profile").click()
    expect(page.get_by_label("About you")).to_have_value("I keep bees.")
    assert dialog_types == ["beforeunload"]
    page.get_by_role("button", name="Save").click()  # must not ask
    expect(page.get_by_role("status")).to_have_text("Saved.")
    expect(page.get_by_label("About you")).to_have_value("I keep bees.")
    page.get_by_label("About you").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Saved.")


def test_a_token_can_be_copied_and_a_reload_creates_no_other(page: Page, browser_errors: list[str]) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/settings/tokens/")
    page.get_by_label("Name").fill("robot")
    page.get_by_role("button", name="Create token").click()
    text = page.locator("#new-token").inner_text()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == text
    page.reload()
    expect(page.locator("#new-token")).not_to_be_attached()
    expect(page.locator("strong", has_text="robot")).to_have_count(1)

    page.locator("summary", has_text="robot").click()
    page.get_by_role("button", name="Revoke", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("“robot” has been revoked.")
    expect(page.locator("strong")).to_have_count(0)


def test_signing_out_everywhere_else_redirects_other_pages_to_sign_in(other_device: Page, page: Page) -> None:
    other_device.goto("/")
    other_device.get_by_label("Message", exact=True).wait_for()
    page.goto("/settings/security/")
    page.get_by_role("button", name="Sign out everywhere else").click()
    expect(page.get_by_text("You are not signed in anywhere else.")).to_be_visible()
    expect(other_device.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_settings_layout_is_mirrored_from_right_to_left(page: Page, browser_errors: list[str]) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto("/settings/")
    page.evaluate("document.documentElement.dir = 'rtl'")
    side, main = page.locator(".settings-side").bounding_box(), page.locator(".settings-main").bounding_box()
    assert side
    assert main
    assert side["x"] > main["x"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
