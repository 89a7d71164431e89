from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.clone import Clone
from tests.modelserver import threaded_model_server
from tests.pages.browsing import (
    PASSWORD,
    USERNAME,
    ScriptedModel,
    create_first_account,
    record_browser_errors,
    running_server,
)


@pytest.fixture
def empty_site(installed_clone: Clone, model: ScriptedModel, tmp_path: Path) -> Iterator[str]:
    with threaded_model_server(model) as server, running_server(installed_clone, tmp_path, server.base_url) as address:
        yield address


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Page]:
    with browser.new_context() as context:
        yield context.new_page()


def test_the_first_visitor_creates_an_account_signs_out_and_signs_in_again(visitor: Page, empty_site: str) -> None:
    browser_errors = record_browser_errors(visitor)
    create_first_account(visitor, empty_site)
    expect(visitor).to_have_url(empty_site)

    visitor.get_by_role("button", name=USERNAME).click()
    visitor.get_by_role("menuitem", name="Sign out").click()
    expect(visitor).to_have_url(f"{empty_site}sign-in/")
    visitor.get_by_label("Username").fill(USERNAME)
    visitor.get_by_label("Password").fill(PASSWORD)
    visitor.get_by_role("button", name="Sign in").click()
    expect(visitor.get_by_label("Message", exact=True)).to_be_focused()
    assert browser_errors == []
