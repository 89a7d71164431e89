from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from accounts import sign_in_throttle
from accounts.models import User

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Yields the current time, set to the start of a throttling window, in a list that a test can change."""
    cache.clear()
    now = [float(sign_in_throttle.WINDOW_SECONDS * 1_000)]
    monkeypatch.setattr("accounts.sign_in_throttle.time.time", lambda: now[0])
    yield now
    cache.clear()


def attempt_sign_in(client: Client, password: str = "wrong", username: str = "ada", address: str = "192.0.2.1") -> str:
    """Posts the sign-in form and returns its errors, or "" if it succeeds."""
    sent = {"username": username, "password": password}
    response = client.post("/sign-in/", sent, REMOTE_ADDR=address, headers={})
    return "" if response.status_code == 302 else " ".join(response.context["form"].non_field_errors())


def test_after_too_many_wrong_passwords_even_the_right_one_is_refused(
    client: Client, ada: User, clock: list[float]
) -> None:
    for _ in range(sign_in_throttle.MAX_PER_ACCOUNT_AND_ADDRESS):
        assert attempt_sign_in(client) == "The username or password is incorrect."
    assert attempt_sign_in(client, PASSWORD) == "There were too many failed attempts. Try again in 10 minutes."
    clock[0] += sign_in_throttle.WINDOW_SECONDS - 30
    assert attempt_sign_in(client, PASSWORD) == "There were too many failed attempts. Try again in 1 minute."
    clock[0] += 30
    assert attempt_sign_in(client, PASSWORD) == ""


def test_other_addresses_and_other_accounts_are_not_throttled(client: Client, ada: User) -> None:
    User.objects.create_user("bob", password=PASSWORD)
    for _ in range(sign_in_throttle.MAX_PER_ACCOUNT_AND_ADDRESS):
        attempt_sign_in(client)
    assert "too many" in attempt_sign_in(client, PASSWORD)
    assert attempt_sign_in(Client(), PASSWORD, address="192.0.2.2") == ""
    assert attempt_sign_in(Client(), PASSWORD, username="bob") == ""


def test_attempts_are_counted_regardless_of_the_case_of_the_username(client: Client, ada: User) -> None:
    for _ in range(sign_in_throttle.MAX_PER_ACCOUNT_AND_ADDRESS):
        attempt_sign_in(client, username="ADA")
    assert "too many" in attempt_sign_in(client, PASSWORD)


def test_attempts_on_many_accounts_from_one_address_are_throttled(
    client: Client, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in_throttle, "MAX_PER_ADDRESS", 12)
    for number in range(12):
        attempt_sign_in(client, username=f"user{number}")
    assert "too many" in attempt_sign_in(client, PASSWORD)
    assert attempt_sign_in(Client(), PASSWORD, address="192.0.2.2") == ""


def test_attempts_on_one_account_from_many_addresses_are_throttled(
    client: Client, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in_throttle, "MAX_PER_ACCOUNT", 12)
    for number in range(12):
        attempt_sign_in(client, address=f"192.0.2.{number}")
    assert "too many" in attempt_sign_in(client, PASSWORD, address="198.51.100.1")


@pytest.mark.parametrize(("public_url", "counted"), [("https://chat.example.com", "198.51.100.7"), ("", "127.0.0.1")])
def test_behind_a_proxy_the_client_address_is_the_one_the_proxy_adds(
    public_url: str, counted: str, client: Client, ada: User, settings: Settings
) -> None:
    settings.PUBLIC_URL = public_url
    request = client.get("/sign-in/", headers={"X-Forwarded-For": "203.0.113.5, 198.51.100.7"}).wsgi_request
    assert sign_in_throttle.client_address(request) == counted


def test_sign_in_works_without_the_cache(client: Client, ada: User, settings: Settings) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:9/0"}
    }
    assert "is incorrect" in attempt_sign_in(client)
    assert attempt_sign_in(client, PASSWORD) == ""


def test_the_admin_uses_the_sites_sign_in_page(client: Client, ada: User) -> None:
    assert client.get("/admin/", follow=True).redirect_chain[-1][0] == "/sign-in/?next=/admin/"
    assert client.post("/admin/login/", {"username": "ada", "password": PASSWORD}).status_code == 302
    assert "_auth_user_id" not in client.session


def test_a_user_without_admin_rights_gets_403_from_the_admin(ada_client: Client) -> None:
    response = ada_client.get("/admin/", follow=True)
    assert response.status_code == 403
    assert "Your account is not allowed to do this." in response.content.decode()
