from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.clone import Clone, read_until_ready
from tests.pages.browsing import record_browser_errors

ROOT, PASSWORD = "root", "correct horse battery"


@pytest.fixture(scope="module")
def address(installed: Clone) -> Iterator[str]:
    with installed.started(PORT="0") as server:
        _, address = read_until_ready(server)
        made = installed.run(
            *(".venv/bin/python", "manage.py", "createsuperuser", "--noinput"),
            *("--username", ROOT, "--email", "root@example.com"),
            DJANGO_SUPERUSER_PASSWORD=PASSWORD,
        )
        assert made.returncode == 0, made.stderr
        yield address


@pytest.fixture
def console_errors(page: Page) -> list[str]:
    return record_browser_errors(page)


def test_every_list_and_form_opens_without_policy_violations(
    page: Page, address: str, console_errors: list[str]
) -> None:
    page.goto(f"{address}admin/")
    page.get_by_label("Username").fill(ROOT)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#content-main")).to_be_visible()

    links = page.locator("#content-main a").evaluate_all("links => links.map(link => link.href)")
    forms = [link for link in links if re.search(r"/admin/\w+/\w+/(add/)?$", link)]
    assert any(link.endswith("/accounts/user/add/") for link in forms)
    for link in sorted(set(forms)):
        response = page.goto(link)
        assert response
        assert response.ok
        assert "script-src" not in response.headers["content-security-policy"], "so scripts fall under default-src"
    assert console_errors == []


def test_admin_scripts_run(page: Page, address: str, console_errors: list[str]) -> None:
    page.goto(f"{address}admin/accounts/user/")
    page.get_by_label("Username").fill(ROOT)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=ROOT, exact=True).click()
    expect(page.locator(".selector").first).to_be_visible()  # made by SelectFilter2.js of a plain list
    assert console_errors == []
