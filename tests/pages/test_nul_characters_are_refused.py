"""NUL, which PostgreSQL can neither store nor search for, never causes a server error in a field or URL."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from conversations.models import Conversation
from tests.error_notes import error_note

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ada", password="something long"))
    return client


def test_nul_in_the_sign_in_form_is_refused(client: Client) -> None:
    User.objects.create_user("ada")
    response = client.post("/sign-in/", {"username": "ada\0", "password": "some\0thing"})
    assert response.status_code == 200
    assert "Null characters are not allowed" in response.text


def test_nul_in_the_first_account_is_refused(client: Client) -> None:
    response = client.post(
        "/first-start/", {"username": "ada\0", "password1": "long\0enough", "password2": "long\0enough"}
    )
    assert response.status_code == 200
    assert not User.objects.exists()


def test_nul_in_the_session_cookie_redirects_to_sign_in(client: Client) -> None:
    User.objects.create_user("ada")
    client.cookies["sessionid"] = "a\0b"
    assert client.get("/").status_code == 302


@pytest.mark.parametrize("address", ["/", "/conversations/", "/c/{}/", "/c/{}/messages/"])
def test_nul_in_a_pagination_cursor_is_not_a_server_error(admin: Client, address: str) -> None:
    conversation = Conversation.objects.create(owner=User.objects.get())
    assert admin.get(address.format(conversation.pk), {"before": "a\0b"}).status_code in (200, 400, 404)


@pytest.mark.parametrize(
    "model",
    [
        *(f"conversations/{name}" for name in ("conversation", "message", "run", "step", "tokenusage", "project")),
        "accounts/apitoken",
    ],
)
def test_nul_in_an_admin_search_or_filter_is_not_a_server_error(admin: Client, model: str) -> None:
    for parameter in ("q", "status", "model", "user", "id", "o", "p", "owner__id__exact"):
        with error_note(parameter):
            assert admin.get(f"/admin/{model}/", {parameter: "a\0b"}).status_code in (200, 302, 400)


@pytest.mark.parametrize("model", ["accounts/user", "conversations/project", "accounts/apitoken"])
def test_nul_in_an_admin_form_is_refused(admin: Client, model: str) -> None:
    fields = {"username": "eve\0", "password1": "a\0long one", "password2": "a\0long one", "name": "a\0b"}
    owner = str(User.objects.get().pk)
    response = admin.post(f"/admin/{model}/add/", {**fields, "owner": owner, "user": owner, "instructions": "a\0b"})
    assert response.status_code in (200, 403)


def test_nul_in_an_admin_object_id_is_not_a_server_error(admin: Client) -> None:
    assert admin.get("/admin/conversations/run/a_00b/change/").status_code in (302, 404)
    assert admin.get("/admin/accounts/user/a_00b/change/").status_code in (302, 404)
