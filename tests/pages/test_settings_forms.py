"""Valid settings are stored and confirmed; invalid input stays in the form beside its error."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.forms.settings import time_zone_names
from accounts.models import Preferences, User

PAGES = ["/settings/", "/settings/display/", "/settings/answers/", "/settings/security/", "/settings/tokens/"]
DISPLAY = {"theme": "dark", "language": "zh-hans", "time_zone": "Asia/Tokyo"}


def preferences(user: User) -> Preferences:
    return Preferences.for_user(User.objects.get(pk=user.pk))


@pytest.mark.parametrize("path", [*PAGES, "/settings/delete-account/"])
def test_settings_pages_require_sign_in(path: str, client: Client, ada: User) -> None:
    assert client.get(path)["Location"] == f"/sign-in/?next={path}"
    assert client.post(path)["Location"] == f"/sign-in/?next={path}"


@pytest.mark.parametrize("action", ["end-session", "time-zone", "token"])
def test_post_only_addresses_are_not_a_redirect_target_after_sign_in(action: str, client: Client, ada: User) -> None:
    addresses = {
        "end-session": "/settings/security/end-session/",
        "time-zone": "/settings/time-zone/",
        "token": "/settings/tokens/1/revoke/",
    }
    assert client.post(addresses[action])["Location"] == "/sign-in/?next=/"
    assert client.get(addresses[action]).status_code == 405


def test_the_account_menu_links_to_the_settings(ada_client: Client) -> None:
    assert 'href="/settings/"' in ada_client.get("/").content.decode()


def test_a_saved_profile_is_stored_and_confirmed(ada_client: Client, ada: User) -> None:
    response = ada_client.post(
        "/settings/", {"first_name": "Ada L.", "username": "lovelace", "email": "a@b.example"}, follow=True
    )
    assert "Saved." in response.content.decode()
    ada.refresh_from_db()
    assert (ada.first_name, ada.username, ada.email) == ("Ada L.", "lovelace", "a@b.example")
    assert "Ada L." in ada_client.get("/").content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [("username", "bob"), ("username", ""), ("username", "a b"), ("email", "nowhere"), ("first_name", "x" * 151)],
)
def test_an_invalid_profile_is_shown_again_with_the_error(
    field: str, value: str, ada_client: Client, ada: User
) -> None:
    User.objects.create_user("bob")
    response = ada_client.post(
        "/settings/", {"first_name": "A", "username": "ada", "email": "a@b.example", field: value}
    )
    html = response.content.decode()
    assert response.context["form"].errors.keys() == {field}
    assert f'id="id_{field}_error" role="alert"' in html
    assert 'value="a@b.example"' in html or field == "email"
    ada.refresh_from_db()
    assert (ada.username, ada.email) == ("ada", "")


def test_display_preferences_apply_to_the_next_page_and_its_confirmation(ada_client: Client, ada: User) -> None:
    html = ada_client.post("/settings/display/", DISPLAY, follow=True).content.decode()
    assert '<html lang="zh-hans" data-theme="dark">' in html
    assert "已保存" in html
    assert (preferences(ada).theme, preferences(ada).time_zone) == ("dark", "Asia/Tokyo")
    html = ada_client.post(
        "/settings/display/", {**DISPLAY, "language": "", "time_zone": ""}, follow=True
    ).content.decode()
    assert 'lang="en"' in html
    assert "Saved." in html


@pytest.mark.parametrize("field", ["theme", "language", "time_zone"])
def test_an_unknown_choice_is_refused(field: str, ada_client: Client, ada: User) -> None:
    response = ada_client.post("/settings/display/", {**DISPLAY, field: "none/such"})
    assert response.context["form"].errors.keys() == {field}
    assert not Preferences.objects.exists()


def test_instructions_are_stored_with_newlines_and_keep_other_preferences(ada_client: Client, ada: User) -> None:
    ada_client.post("/settings/display/", DISPLAY)
    sent = {"default_model": "demo", "about": "I keep\r\nbees.", "how_to_answer": "In verse."}
    ada_client.post("/settings/answers/", sent)
    stored = preferences(ada)
    assert (stored.default_model, stored.about, stored.how_to_answer) == ("demo", "I keep\nbees.", "In verse.")
    assert (stored.theme, stored.language) == ("dark", "zh-hans")
    assert "I keep\nbees." in ada_client.get("/settings/answers/").content.decode()


def test_too_long_instructions_stay_in_the_form(ada_client: Client, ada: User) -> None:
    response = ada_client.post("/settings/answers/", {"about": "b" * 10_001, "how_to_answer": "Briefly"})
    html = response.content.decode()
    assert response.context["form"].errors.keys() == {"about"}
    assert "b" * 10_001 in html
    assert "Briefly" in html


def test_the_page_asks_for_the_browsers_time_zone_only_while_none_is_chosen(ada_client: Client, ada: User) -> None:
    assert '<meta name="told-time-zone" content=""' in ada_client.get("/").content.decode()
    assert ada_client.post("/settings/time-zone/", {"zone": "Europe/Berlin"}).status_code == 204
    assert '<meta name="told-time-zone" content="Europe/Berlin"' in ada_client.get("/").content.decode()
    assert "Europe/Berlin)" in ada_client.get("/settings/display/").content.decode()
    ada_client.post("/settings/display/", DISPLAY)
    html = ada_client.get("/").content.decode()
    assert "told-time-zone" not in html
    assert '<meta name="time-zone" content="Asia/Tokyo">' in html


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "x\0"])
def test_an_unknown_time_zone_is_refused(zone: str, ada_client: Client) -> None:
    assert ada_client.post("/settings/time-zone/", {"zone": zone}).status_code == 400


def test_time_zones_are_offered_by_place_name() -> None:
    names = time_zone_names()
    assert {"Europe/Berlin", "Asia/Shanghai", "America/Argentina/Ushuaia"} <= set(names)
    assert not any(name.startswith(("Etc/", "US/", "posix")) for name in names)


@pytest.mark.parametrize("path", PAGES)
def test_a_settings_page_takes_few_queries(
    path: str, ada_client: Client, django_assert_max_num_queries: object
) -> None:
    with django_assert_max_num_queries(5):  # type: ignore[operator]
        ada_client.get(path)
