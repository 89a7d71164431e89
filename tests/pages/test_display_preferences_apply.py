"""Language, theme and time zone apply on every page: the user's choice, or else the browser's."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import AsyncClient, Client
from django.utils import timezone, translation

from accounts.models import Preferences, User
from conversations.models import Conversation

CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9"}


def html_of(client: Client, page: str = "/", **headers: str) -> str:
    return client.get(page, headers=headers).content.decode()


def set_preferences(user: User, **fields: Any) -> None:
    Preferences.objects.update_or_create(user=user, defaults=fields)


@pytest.mark.django_db
def test_an_anonymous_page_uses_the_browsers_language(client: Client, ada: User) -> None:
    response = client.get("/sign-in/", headers=CHINESE)
    assert '<html lang="zh-hans"' in response.content.decode()
    assert "登录" in response.content.decode()
    assert response["Content-Language"] == "zh-hans"
    assert "Accept-Language" in response["Vary"]
    assert '<html lang="en"' in html_of(client, "/sign-in/", **{"Accept-Language": "fr"})


def test_the_chosen_language_overrides_the_browsers(ada_client: Client, ada: User) -> None:
    assert 'lang="zh-hans"' in html_of(ada_client, **CHINESE)
    set_preferences(ada, language="en")
    assert 'lang="en"' in html_of(ada_client, **CHINESE)
    set_preferences(ada, language="zh-hans")
    response = ada_client.get("/")
    assert 'lang="zh-hans"' in response.content.decode()
    assert response["Content-Language"] == "zh-hans"


def test_an_unsupported_stored_language_falls_back_to_the_browsers(ada_client: Client, ada: User) -> None:
    set_preferences(ada, language="tlh")
    assert 'lang="zh-hans"' in html_of(ada_client, **CHINESE)


def test_the_admin_uses_the_chosen_language(admin_client: Client, admin_user: User) -> None:
    set_preferences(admin_user, language="zh-hans")
    assert "认证和授权" in html_of(admin_client, "/admin/")


@pytest.mark.parametrize(("theme", "attribute"), [("system", ""), ("light", "light"), ("dark", "dark")])
@pytest.mark.parametrize("path", ["/", "/nowhere/"])
def test_the_theme_is_an_attribute_of_the_html_element(
    theme: str, attribute: str, path: str, ada_client: Client, ada: User
) -> None:
    set_preferences(ada, theme=theme)
    found = re.search(r'<html[^>]* data-theme="(\w+)"', html_of(ada_client, path))
    assert (found[1] if found else "") == attribute


def test_days_use_the_chosen_time_zone_or_the_browsers(
    ada_client: Client, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 3, 14, 22, 0, tzinfo=UTC))
    Conversation.objects.create(owner=ada, title="Early", updated_at=datetime(2026, 3, 13, 23, 30, tzinfo=UTC))
    assert "Yesterday" in html_of(ada_client, "/conversations/")
    set_preferences(ada, browser_time_zone="Europe/Berlin")
    assert "Today" in html_of(ada_client, "/conversations/")
    set_preferences(ada, time_zone="America/New_York")
    assert "Yesterday" in html_of(ada_client, "/conversations/")


def test_language_and_time_zone_are_reset_after_a_request(ada_client: Client, ada: User) -> None:
    set_preferences(ada, language="zh-hans", time_zone="Asia/Tokyo")
    before = translation.get_language(), timezone.get_current_timezone_name()
    ada_client.get("/")
    assert timezone.get_current_timezone_name() == before[1]
    assert 'lang="en"' in html_of(Client(), "/sign-in/")


@pytest.mark.django_db(transaction=True)
async def test_preferences_apply_to_asynchronous_requests() -> None:
    user = await User.objects.acreate(username="ada")
    await Preferences.objects.acreate(user=user, language="zh-hans", theme="dark")
    browser = AsyncClient()
    await browser.aforce_login(user)
    response = await browser.get("/")
    assert '<html lang="zh-hans" data-theme="dark">' in response.content.decode()
    assert response["Content-Language"] == "zh-hans"


def test_a_right_to_left_language_sets_the_page_direction(ada_client: Client) -> None:
    from django.template.loader import render_to_string

    with translation.override("ar"):
        assert '<html lang="ar" dir="rtl">' in render_to_string("404.html")
