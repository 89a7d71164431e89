from __future__ import annotations

import re

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse, reverse_lazy

from accounts.models import ApiToken, User

LIST = reverse_lazy("admin:accounts_apitoken_changelist")
ADD = reverse_lazy("admin:accounts_apitoken_add")


def test_a_new_token_is_shown_once_and_works(root: Client, ada: User) -> None:
    page = root.post(ADD, {"user": ada.pk, "name": "laptop", "scope": "chat"}, follow=True).content.decode()
    shown = re.findall(r"<code>([A-Za-z0-9_-]+)</code>", page)
    token = ApiToken.objects.get()
    assert (token.user, token.name, token.scope) == (ada, "laptop", "chat")
    assert [ApiToken.objects.find(text) for text in shown] == [token]
    for url in (LIST, reverse("admin:accounts_apitoken_change", args=[token.pk])):
        later = root.get(url).content.decode()
        assert shown[0] not in later
        assert token.digest not in later


def test_a_token_without_a_user_is_refused_with_the_reason(root: Client) -> None:
    page = root.post(ADD, {"user": "12345", "scope": "everything"}).content.decode()
    assert "Select a valid choice" in page
    assert not ApiToken.objects.exists()


def test_a_token_cannot_be_edited_or_deleted(root: Client, ada: User) -> None:
    token, _ = ApiToken.objects.issue(user_id=ada.pk, name="laptop")
    url = reverse("admin:accounts_apitoken_change", args=[token.pk])
    assert root.post(url, {"user": ada.pk, "name": "mine now", "scope": "chat"}).status_code == 403
    assert root.post(reverse("admin:accounts_apitoken_delete", args=[token.pk]), {"post": "yes"}).status_code == 403
    token.refresh_from_db()
    assert token.name == "laptop"


def test_the_revoke_action_revokes_only_the_selected_tokens(root: Client, ada: User) -> None:
    revoked, kept = (ApiToken.objects.issue(user_id=ada.pk) for _ in range(2))
    root.post(LIST, {"action": "revoke", "index": "0", "select_across": "1", ACTION_CHECKBOX_NAME: [revoked[0].pk]})
    assert ApiToken.objects.find(revoked[1]) is None
    assert ApiToken.objects.find(kept[1]) == kept[0]


def test_revoking_twice_keeps_the_first_revocation_time(root: Client, ada: User) -> None:
    token, _ = ApiToken.objects.issue(user_id=ada.pk)
    times = []
    for _ in range(2):
        root.post(LIST, {"action": "revoke", "index": "0", ACTION_CHECKBOX_NAME: [token.pk]})
        token.refresh_from_db()
        times.append(token.revoked_at)
    assert times[0] is not None
    assert times[0] == times[1]


def test_staff_with_only_the_view_permission_cannot_revoke_tokens(client: Client, ada: User) -> None:
    token, text = ApiToken.objects.issue(user_id=ada.pk)
    clerk = User.objects.create(username="clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_apitoken"))
    client.force_login(clerk)
    client.post(LIST, {"action": "revoke", "index": "0", ACTION_CHECKBOX_NAME: [token.pk]})
    assert ApiToken.objects.find(text) == token
