"""The first visitor of an empty installation creates the administrator's account."""

from __future__ import annotations

import logging
import threading
from io import BytesIO
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.db import connection
from django.http import HttpRequest
from django.test import AsyncClient, Client, RequestFactory
from pytest_django import Settings

from accounts import first_start
from accounts.models import User

pytestmark = pytest.mark.django_db

FORM = {"username": "ada", "password1": "correct horse battery", "password2": "correct horse battery"}


def request(host: str = "localhost:8000", headers: dict[str, str] | None = None, **changes: Any) -> HttpRequest:
    """Returns a request from a browser on this machine, with `changes` to its ASGI scope."""
    named = {"Host": host, **(headers or {})}
    scope = {
        "method": "GET",
        "path": "/first-start/",
        "query_string": b"",
        "http_version": "1.1",
        "headers": [(name.lower().encode(), value.encode()) for name, value in named.items()],
        "server": ["127.0.0.1", 8000],
        "client": ["127.0.0.1", 50000],
    }
    return ASGIRequest({**scope, **changes}, BytesIO())


class LocalBrowser(AsyncClient):
    """Sends requests over the loopback interface to a loopback host name."""

    def _base_scope(self, **request: Any) -> dict[str, Any]:
        scope: dict[str, Any] = super()._base_scope(**request)  # type: ignore[misc]  # the stubs lack it
        headers = [(name, b"localhost" if name == b"host" else value) for name, value in scope["headers"]]
        return {**scope, "headers": headers, "server": ("127.0.0.1", "8000")}


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_a_browser_on_this_machine_needs_no_code(host: str) -> None:
    assert not first_start.needs_code(request(host))


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "chat.example.com"},
        {"server": ["192.168.1.5", 8000]},
        {"server": ["/run/chatsite.sock", None]},
        {"server": None},
        {"client": ["192.168.1.9", 50000]},
        {"client": None},
        {"http_version": "1.0"},
        {"headers": {"X-Forwarded-For": "192.168.1.9"}},
        {"headers": {"Forwarded": "for=192.168.1.9"}},
        {"headers": {"X-Real-IP": "192.168.1.9"}},
        {"headers": {"Via": "1.1 proxy"}},
    ],
    ids=str,
)
def test_any_other_request_needs_the_code(changes: dict[str, Any], settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    assert first_start.needs_code(request(**changes))


def test_a_site_with_a_public_url_always_asks_for_the_code(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://chat.example.com"
    assert first_start.needs_code(request())


def test_a_request_of_unknown_origin_needs_the_code() -> None:
    assert first_start.needs_code(RequestFactory().get("/", headers={"host": "localhost"}))


@pytest.mark.parametrize("path", ["/", "/sign-in/", "/conversations/", "/c/0b9e1f5c-0b9e-4f5c-8b9e-0b9e1f5c0b9e/"])
def test_every_page_redirects_to_first_start_while_there_are_no_users(path: str, client: Client) -> None:
    assert client.get(path)["Location"] == "/first-start/"


@pytest.mark.django_db(transaction=True)
async def test_a_local_visitor_creates_the_account_with_a_username_and_password() -> None:
    browser = LocalBrowser()
    page = await browser.get("/first-start/")
    assert 'name="code"' not in page.content.decode()
    response = await browser.post("/first-start/", FORM)
    assert (response.status_code, response["Location"]) == (302, "/")
    user = await User.objects.aget()
    assert (user.username, user.is_superuser, user.is_staff) == ("ada", True, True)
    assert (await browser.get("/")).status_code == 200


def test_a_remote_visitor_needs_the_code_and_may_type_it_with_any_grouping(client: Client) -> None:
    assert 'name="code"' in client.get("/first-start/").content.decode()
    spelled = first_start.setup_code().lower().replace("-", " ")
    assert client.post("/first-start/", {**FORM, "code": spelled})["Location"] == "/"
    assert User.objects.get().is_superuser


@pytest.mark.parametrize("code", ["", "AAAA-AAAA-AAAA-AAAA", "ключ"])
def test_a_wrong_code_creates_no_account(code: str, client: Client) -> None:
    response = client.post("/first-start/", {**FORM, "code": code})
    assert response.status_code == 200
    assert response.context["form"].errors["code"]
    assert not User.objects.exists()


def test_a_weak_password_creates_no_account(client: Client) -> None:
    response = client.post(
        "/first-start/", {**FORM, "password1": "12345", "password2": "12345", "code": first_start.setup_code()}
    )
    assert response.context["form"].errors["password2"]
    assert not User.objects.exists()


def test_the_code_has_16_characters_and_depends_on_the_secret_key(settings: Settings) -> None:
    before = first_start.setup_code()
    assert len(before.replace("-", "")) == 16
    settings.SECRET_KEY = "another"
    assert first_start.setup_code() != before
    assert not first_start.is_setup_code(before)


def test_the_code_is_logged_only_while_there_are_no_users(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        first_start.log_setup_code()
        assert first_start.setup_code() in caplog.text
        caplog.clear()
        User.objects.create_user("ada")
        first_start.log_setup_code()
        assert not caplog.text


def test_the_code_is_logged_once_when_the_page_is_first_opened(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    first_start.log_setup_code_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        client.get("/first-start/")
        client.get("/first-start/")
    assert caplog.text.count(first_start.setup_code()) == 1


def test_first_start_redirects_to_the_chat_once_a_user_exists(client: Client, ada: User) -> None:
    assert client.get("/first-start/")["Location"] == "/"
    assert (
        client.post("/first-start/", {**FORM, "username": "eve", "code": first_start.setup_code()})["Location"] == "/"
    )
    assert list(User.objects.values_list("username", flat=True)) == ["ada"]


@pytest.mark.django_db(transaction=True)
def test_only_one_of_two_simultaneous_visitors_gets_the_account() -> None:
    start = threading.Barrier(2)
    responses: list[Any] = []

    def visit(name: str) -> None:
        try:
            start.wait()
            form = {**FORM, "username": name, "code": first_start.setup_code()}
            responses.append(Client().post("/first-start/", form))
        finally:
            connection.close()

    visitors = [threading.Thread(target=visit, args=[name]) for name in ("ada", "eve")]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert User.objects.count() == 1
    assert len(responses) == 2
    assert sum("sessionid" in response.cookies for response in responses) == 1


def test_a_form_from_another_site_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post("/first-start/", {**FORM, "code": first_start.setup_code()})
    assert response.status_code == 403
    assert "This form is out of date" in response.content.decode()
    assert not User.objects.exists()
