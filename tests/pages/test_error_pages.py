from __future__ import annotations

import pytest
from django.template.loader import render_to_string
from django.test import Client

from accounts.models import Preferences, User


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "500"])
def test_an_error_page_renders_without_request_user_or_database(name: str) -> None:
    html = render_to_string(f"{name}.html")
    assert "<h1>" in html
    assert 'href="/"' in html


def test_the_server_error_page_uses_the_users_language_and_theme(
    ada_client: Client, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    Preferences.objects.create(user=ada, language="zh-hans", theme="dark")

    def broken() -> None:
        raise ValueError("secret details")

    monkeypatch.setattr("conversations.web.views.chat.suggestions", broken)
    ada_client.raise_request_exception = False
    response = ada_client.get("/")
    html = response.content.decode()
    assert response.status_code == 500
    assert '<html lang="zh-hans" data-theme="dark">' in html
    assert "服务器出错了" in html
    assert "secret details" not in html
