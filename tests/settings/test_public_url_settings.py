from __future__ import annotations

import pytest

from tests.settings.conftest import Load

LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]


def test_only_the_local_machine_is_allowed_by_default(load: Load) -> None:
    settings = load()
    assert (settings["HOST"], settings["PORT"]) == ("127.0.0.1", 8000)
    assert settings["ALLOWED_HOSTS"] == LOOPBACK
    assert settings["CSRF_TRUSTED_ORIGINS"] == []
    assert not settings["SESSION_COOKIE_SECURE"]
    assert not settings["CSRF_COOKIE_SECURE"]


def test_an_https_public_url_allows_its_host_and_makes_cookies_secure(load: Load) -> None:
    settings = load(PUBLIC_URL="https://Chat.example.com:8443/")
    assert settings["ALLOWED_HOSTS"] == [*LOOPBACK, "chat.example.com"]
    assert settings["CSRF_TRUSTED_ORIGINS"] == ["https://chat.example.com:8443"]
    assert settings["SESSION_COOKIE_SECURE"]
    assert settings["CSRF_COOKIE_SECURE"]


def test_cookies_work_with_an_http_public_url(load: Load) -> None:
    settings = load(PUBLIC_URL="http://[2001:db8::1]:8000")
    assert settings["ALLOWED_HOSTS"] == [*LOOPBACK, "[2001:db8::1]"]
    assert not settings["SESSION_COOKIE_SECURE"]


def test_additional_hosts_are_allowed(load: Load) -> None:
    settings = load(PUBLIC_URL="https://a.example", ALLOWED_HOSTS=".b.example, 10.0.0.1, ::2, a.example")
    assert settings["ALLOWED_HOSTS"] == [*LOOPBACK, "a.example", ".b.example", "10.0.0.1", "[::2]"]


@pytest.mark.parametrize(
    ("host", "known"),
    [("0.0.0.0", []), ("::", []), ("192.168.1.5", ["192.168.1.5"]), ("[2001:db8::5]", ["[2001:db8::5]"])],
)
def test_the_listening_address_is_allowed_unless_it_is_a_wildcard(load: Load, host: str, known: list[str]) -> None:
    assert load(HOST=host)["ALLOWED_HOSTS"] == LOOPBACK + known
