"""Passwords, sessions, tokens and account deletion."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from accounts.models import ApiToken, Session, User
from accounts.sessions import SessionStore
from conversations.models import Conversation, Project, TokenUsage
from conversations.runner.revocation import Authentication, revoked_authentications

PASSWORD, NEW_PASSWORD = "correct horse battery", "another one entirely"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605 Version/17.5 Mobile/15E148 Safari/604.1"
)


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def sign_in(user: User, browser: str = FIREFOX, password: str = PASSWORD) -> Client:
    client = Client(headers={"User-Agent": browser})
    client.post("/sign-in/", {"username": user.username, "password": password})
    return client


def is_signed_in(client: Client) -> bool:
    return client.get("/").status_code == 200


def authentication(user: User, client: Client) -> Authentication:
    return Authentication(user.pk, user.password, session_key=client.cookies[settings.SESSION_COOKIE_NAME].value)


def test_changing_the_password_signs_out_all_other_sessions(ada: User) -> None:
    here, there = sign_in(ada), sign_in(ada)
    form = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert "Your password has been changed." in here.post("/settings/security/", form, follow=True).content.decode()
    assert is_signed_in(here)
    assert not is_signed_in(there)
    assert is_signed_in(sign_in(ada, password=NEW_PASSWORD))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"old_password": "wrong"}, "old_password"),
        ({"new_password2": "other"}, "new_password2"),
        ({"new_password1": "12345678", "new_password2": "12345678"}, "new_password2"),
    ],
)
def test_an_invalid_password_change_is_refused(
    changes: dict[str, str], field: str, ada_client: Client, ada: User
) -> None:
    form = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD, **changes}
    response = ada_client.post("/settings/security/", form)
    assert response.context["form"].errors.keys() == {field}
    assert NEW_PASSWORD not in response.content.decode()
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)


def test_sessions_are_listed_by_browser_without_their_keys(ada: User) -> None:
    here, there = sign_in(ada), sign_in(ada, IPHONE)
    sign_in(User.objects.create_user("bob", password=PASSWORD), "Chrome/1 Windows")
    html = here.get("/settings/security/").content.decode()
    assert re.findall(r"<strong>(.*?)</strong>", html) == ["Firefox on Linux", "Safari on iPhone"]
    assert html.index("This browser") < html.index("Last used")
    for client in (here, there):
        assert client.cookies[settings.SESSION_COOKIE_NAME].value not in html


def test_a_single_other_session_can_be_ended(ada: User) -> None:
    here, there, elsewhere = sign_in(ada), sign_in(ada, IPHONE), sign_in(ada)
    html = here.get("/settings/security/").content.decode()
    [session_id] = re.findall(r'Safari on iPhone.*?name="session" value="(\w+)"', html, re.DOTALL)[:1]
    here.post("/settings/security/end-session/", {"session": session_id})
    assert [is_signed_in(client) for client in (here, there, elsewhere)] == [True, False, True]


def test_signing_out_everywhere_else_revokes_only_the_users_other_sessions(ada: User) -> None:
    here, there = sign_in(ada), sign_in(ada)
    revocation = {client: authentication(ada, client) for client in (here, there)}
    bob = User.objects.create_user("bob", password=PASSWORD)
    bobs = sign_in(bob)
    here.post("/settings/security/end-session/")
    assert revoked_authentications(revocation.values()) == {revocation[there]}
    assert is_signed_in(here)
    assert not is_signed_in(there)
    assert is_signed_in(bobs)


def test_another_users_session_cannot_be_ended(ada: User) -> None:
    bob = User.objects.create_user("bob", password=PASSWORD)
    bobs = sign_in(bob)
    html = bobs.get("/settings/security/").content.decode()
    here = sign_in(ada)
    bob_again = sign_in(bob)
    [session_id] = re.findall(r'name="session" value="(\w+)"', bob_again.get("/settings/security/").content.decode())
    here.post("/settings/security/end-session/", {"session": session_id})
    assert "Firefox" in html
    assert is_signed_in(bobs)


def test_using_a_session_extends_it(ada: User) -> None:
    client = sign_in(ada)
    session = Session.objects.get(user=ada)
    kept = SessionStore(session.session_key)
    kept["seen"] -= 4_000
    kept.save()
    before = Session.objects.get(user=ada).expire_date
    assert is_signed_in(client)
    assert Session.objects.get(user=ada).expire_date > before
    assert Session.objects.get(user=ada).get_decoded()["seen"] > kept["seen"]


def test_a_new_token_is_shown_once_and_is_valid(ada_client: Client, ada: User) -> None:
    response = ada_client.post("/settings/tokens/", {"name": "robot"})
    [text] = re.findall(r'<code id="new-token"[^>]*>([\w-]+)</code>', response.content.decode())
    assert "no-store" in response["Cache-Control"]
    token = ApiToken.objects.find(text)
    assert token is not None
    assert (token.user, token.name) == (ada, "robot")
    again = ada_client.get("/settings/tokens/").content.decode()
    assert "robot" in again
    assert text not in again


@pytest.mark.parametrize("name", ["", "x" * 101, "a\0b"])
def test_a_token_with_an_invalid_name_is_refused(name: str, ada_client: Client) -> None:
    assert ada_client.post("/settings/tokens/", {"name": name}).context["form"].errors
    assert not ApiToken.objects.exists()


def test_a_revoked_token_is_invalid_and_not_listed(ada_client: Client, ada: User) -> None:
    token, text = ApiToken.objects.issue(user_id=ada.pk, name="robot")
    html = ada_client.post(f"/settings/tokens/{token.pk}/revoke/", follow=True).content.decode()
    assert "“robot” has been revoked." in html
    assert "<strong" not in html
    assert ApiToken.objects.find(text) is None


def test_tokens_of_other_users_are_not_listed_and_cannot_be_revoked(ada_client: Client) -> None:
    bob = User.objects.create_user("bob")
    token, text = ApiToken.objects.issue(user_id=bob.pk, name="of bob")
    assert "of bob" not in ada_client.get("/settings/tokens/").content.decode()
    assert ada_client.post(f"/settings/tokens/{token.pk}/revoke/").status_code == 404
    assert ApiToken.objects.find(text) is not None


# Account deletion


def test_deleting_an_account_deletes_everything_but_its_token_usage(
    ada: User, settings: Settings, tmp_path: Path, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    settings.VAR_DIR = tmp_path
    project = Project.objects.create(owner=ada, name="Bees")
    conversation = Conversation.objects.create(owner=ada)
    folders = [
        tmp_path / "workspaces" / "projects" / str(project.pk),
        tmp_path / "workspaces" / "conversations" / str(conversation.pk),
        tmp_path / "workspaces" / "users" / str(ada.pk),
    ]
    for folder in (*folders, tmp_path / "workspaces" / "users" / "999"):
        folder.mkdir(parents=True)
        (folder / "notes.txt").write_text("mine")
    TokenUsage.objects.create(user=ada, conversation=conversation, model="small", iteration=1)
    here, there = sign_in(ada), sign_in(ada)

    with django_capture_on_commit_callbacks(execute=True):
        response = here.post("/settings/delete-account/", {"password": PASSWORD})
    assert response["Location"] == "/sign-in/"
    assert not User.objects.exists()
    assert not Conversation.objects.exists()
    assert not Session.objects.filter(user__isnull=False).exists()
    assert not is_signed_in(there)
    assert TokenUsage.objects.get().user is None
    deadline = time.monotonic() + 30
    while any(folder.exists() for folder in folders):  # a thread removes them
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert (tmp_path / "workspaces" / "users" / "999" / "notes.txt").exists()


def test_deleting_an_account_requires_the_password(ada_client: Client, ada: User) -> None:
    response = ada_client.post("/settings/delete-account/", {"password": "wrong"})
    assert response.context["form"].errors.keys() == {"password"}
    assert User.objects.filter(pk=ada.pk).exists()


def test_the_only_active_administrator_cannot_be_deleted(ada_client: Client, ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(is_superuser=True)
    User.objects.create_superuser("blocked", is_active=False)
    html = ada_client.post("/settings/delete-account/", {"password": PASSWORD}).content.decode()
    assert "only administrator" in html
    assert User.objects.filter(pk=ada.pk).exists()
    User.objects.create_superuser("grace")
    assert ada_client.post("/settings/delete-account/", {"password": PASSWORD})["Location"] == "/sign-in/"
    assert not User.objects.filter(pk=ada.pk).exists()
