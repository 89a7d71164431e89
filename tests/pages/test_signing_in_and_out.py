from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User

PASSWORD = "correct horse battery"


def sign_in(client: Client, password: str = PASSWORD, next_page: str = "") -> str:
    """Posts the sign-in form and returns the redirect target, or "" if signing in fails."""
    response = client.post("/sign-in/", {"username": "ada", "password": password, "next": next_page})
    return response.get("Location", "")


def test_the_right_password_redirects_to_the_chat(client: Client, ada: User) -> None:
    assert sign_in(client) == "/"
    assert client.get("/").status_code == 200


def test_signing_in_redirects_to_the_requested_page(client: Client, ada: User) -> None:
    assert "/c/1/" in client.get("/sign-in/?next=/c/1/").content.decode()
    assert sign_in(client, next_page="/c/1/") == "/c/1/"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_signing_in_never_redirects_to_another_site(elsewhere: str, client: Client, ada: User) -> None:
    assert sign_in(client, next_page=elsewhere) == "/"


def test_a_wrong_password_shows_an_error(client: Client, ada: User) -> None:
    response = client.post("/sign-in/", {"username": "ada", "password": "wrong"})
    assert response.status_code == 200
    assert 'role="alert"' in response.content.decode()


def test_a_signed_in_user_is_redirected_from_the_sign_in_page(ada_client: Client) -> None:
    assert ada_client.get("/sign-in/")["Location"] == "/"


def test_signing_out_requires_post_and_ends_the_session(ada_client: Client) -> None:
    assert ada_client.get("/sign-out/").status_code == 405
    assert ada_client.post("/sign-out/")["Location"] == "/sign-in/"
    assert ada_client.get("/").status_code == 302
